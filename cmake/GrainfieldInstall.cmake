# Installs the library, its headers and what find_package(grainfield) needs.
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/grainfield)
install(TARGETS grainfield EXPORT grainfieldTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY kernels host io DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/grainfield
  FILES_MATCHING PATTERN "*.hpp")
install(EXPORT grainfieldTargets NAMESPACE grainfield:: DESTINATION ${package_folder})
configure_package_config_file(cmake/GrainfieldConfig.cmake.in
  ${CMAKE_BINARY_DIR}/generated/grainfieldConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/grainfieldConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/generated/grainfieldConfig.cmake
  ${CMAKE_BINARY_DIR}/generated/grainfieldConfigVersion.cmake DESTINATION ${package_folder})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
