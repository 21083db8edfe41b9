# cmake -DSOURCE=<repository> -DOUTPUT=<header> -P WriteCommit.cmake: the commit of the sources, as a header
# that changes only when it does.
set(commit unknown)
find_package(Git QUIET)
if(Git_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} --no-optional-locks describe --always --abbrev=12 --exclude=*
                          --dirty=-changed
    WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE described RESULT_VARIABLE failed ERROR_QUIET
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT failed AND described)
    set(commit ${described})
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define GRAINFIELD_COMMIT \"${commit}\"\n" @ONLY)
