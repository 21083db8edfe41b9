#include "io/hdf5_util.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

#include "host/error.hpp"
#include "host/limits.hpp"
#include "io/hdf5_watch.hpp"

namespace grainfield::h5 {

namespace {

constexpr hsize_t chunk_bytes =
    1 << 20;  // HDF5's chunk cache: larger chunks bypass it, smaller ones cost more
constexpr hsize_t small_row_bytes = 1 << 16;  // rows below this share a chunk with the following frames
constexpr unsigned deflate_level = 3;

// Where HDF5's trouble began: the first line of its error stack, which is cleared.
struct Reason {
  std::string text;
  bool no_memory = false;
};

Reason innermost_reason() {
  Reason reason;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned n, const H5E_error2_t* error, void* out) -> herr_t {
        if (n != 0) return 0;
        auto& first = *static_cast<Reason*>(out);
        first.no_memory = error->min_num == H5E_NOSPACE || error->min_num == H5E_CANTALLOC;
        try {
          if (error->desc) first.text = error->desc;
        } catch (const std::bad_alloc&) {
          first.no_memory = true;
        }
        return 0;
      },
      &reason);
  H5Eclear2(H5E_DEFAULT);
  // Low-level failures read "file write failed: time = ..., errno = 28, error message = 'No space left on
  // device', ...".
  const size_t at = reason.text.find("error message = '");
  if (at != std::string::npos) {
    const size_t begin = at + std::char_traits<char>::length("error message = '");
    reason.text = reason.text.substr(begin, reason.text.find('\'', begin) - begin);
  }
  if (reason.text.empty()) reason.text = "no reason given";
  return reason;
}

// An answer of HDF5 below 0 means that there is nothing, or that it could not look for want of memory.
template <class Answer>
Answer unless_out_of_memory(const File& file, const std::string& object, Answer answer) {
  if (answer >= 0) return answer;
  const Reason reason = innermost_reason();
  if (reason.no_memory)
    throw ResourceError(
        fmt::format("{}, {}: not enough memory to read: {}", file.path(), object, reason.text));
  return answer;
}

// Keeps a name that HDF5 hands to a callback. No exception may pass through HDF5.
herr_t keep_name(void* names, const char* name) noexcept {
  try {
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
  } catch (const std::bad_alloc&) {
    return -1;
  }
}

// Where an allocation fails HDF5 1.10 may crash in its own clean-up: see first that there is room for what it
// takes beside the data, caches of chunks and tables.
void expect_room() { expect_address_space(size_t{48} << 20, "HDF5"); }

hid_t memory_type(Type type) {
  switch (type) {
    case Type::real:
      return H5T_NATIVE_DOUBLE;
    case Type::int32:
      return H5T_NATIVE_INT32;
    case Type::int64:
      return H5T_NATIVE_INT64;
    case Type::text:
      break;
  }
  return -1;
}

// Variable-length UTF-8.
Handle text_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  if (H5Tset_size(type.get(), H5T_VARIABLE) < 0 || H5Tset_cset(type.get(), H5T_CSET_UTF8) < 0)
    throw ResourceError("HDF5 cannot make a type of text: " + innermost_reason().text);
  return type;
}

Handle file_type(Type type) {
  switch (type) {
    case Type::real:
      return {H5Tcopy(H5T_IEEE_F64LE), H5Tclose};
    case Type::int32:
      return {H5Tcopy(H5T_STD_I32LE), H5Tclose};
    case Type::int64:
      return {H5Tcopy(H5T_STD_I64LE), H5Tclose};
    case Type::text:
      break;
  }
  return text_type();
}

// What so many stored bytes may hold at most: deflate packs no denser than 1032 : 1, and a little may be fill
// values that are not stored.
hsize_t largest_unpacked(hsize_t stored) {
  constexpr hsize_t packing = 1100, unstored = 1 << 20;
  return stored < std::numeric_limits<hsize_t>::max() / packing - unstored ? stored * packing + unstored
                                                                           : stored;
}

// Whether the dimensions hold at most so many.
bool holds_at_most(const Dims& dims, hsize_t limit) {
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) return true;
  for (const hsize_t d : dims) limit /= d;
  return limit > 0;
}

// One frame per chunk, cut evenly along the first item dimensions to at most chunk_bytes; small rows share a
// chunk.
Dims chunks_for(const Dims& dims, size_t bytes) {
  Dims chunk = dims;
  for (hsize_t& d : chunk) d = std::max<hsize_t>(1, d);
  chunk[0] = 1;
  for (size_t k = 1; k < chunk.size() && product(chunk) * bytes > chunk_bytes; ++k) {
    const hsize_t rest = product(chunk) / chunk[k] * bytes;
    const hsize_t most = std::max<hsize_t>(1, chunk_bytes / rest), n_chunks = (chunk[k] + most - 1) / most;
    chunk[k] = (chunk[k] + n_chunks - 1) / n_chunks;
  }
  chunk[0] = std::clamp<hsize_t>(small_row_bytes / (product(chunk) * bytes), 1, 1024);
  return chunk;
}

// Numbers that lie in another file lie beside the one that names it, wherever the program was started. HDF5
// wants every handle of a dataset to agree on that.
Handle dataset_access() {
  Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  H5Pset_efile_prefix(access.get(), "${ORIGIN}");
  return access;
}

Handle open_dataset(const File& file, const std::string& path) {
  return {H5Dopen2(file.id(), path.c_str(), dataset_access().get()), H5Dclose};
}

Handle create_dataset(const File& file, const std::string& path, Type type, const Handle& space,
                      const Handle& plan) {
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links.get(), 1);
  Handle dataset(H5Dcreate2(file.id(), path.c_str(), file_type(type).get(), space.get(), links.get(),
                            plan ? plan.get() : H5P_DEFAULT, dataset_access().get()),
                 H5Dclose);
  if (!dataset) file.fail(path, "cannot create");
  return dataset;
}

Handle open_object(const File& file, const std::string& path) {
  Handle object = path == "/" || is_group(file, path)
                      ? Handle(H5Oopen(file.id(), path.c_str(), H5P_DEFAULT), H5Oclose)
                      : open_dataset(file, path);
  if (!object) file.fail(path, "cannot open");
  return object;
}

void write_attribute(const File& file, const std::string& object, const std::string& name, hid_t type,
                     const Dims* dims, const void* data) {
  const Handle owner = open_object(file, object);
  const Handle space(
      dims ? H5Screate_simple(static_cast<int>(dims->size()), dims->data(), nullptr) : H5Screate(H5S_SCALAR),
      H5Sclose);
  const Handle attribute(H5Acreate2(owner.get(), name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  if (!attribute || H5Awrite(attribute.get(), type, data) < 0)
    file.fail(fmt::format("{} attribute {}", object, name), "cannot write");
}

// Opens an attribute and counts its values; an empty handle where it is absent.
Handle open_attribute(const File& file, const std::string& object, const std::string& name, size_t& n) {
  n = 0;
  if (!has_attribute(file, object, name)) return {};
  Handle attribute(H5Aopen_by_name(file.id(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
                   H5Aclose);
  if (!attribute) file.fail(fmt::format("{} attribute {}", object, name), "cannot open");
  const Handle space(H5Aget_space(attribute.get()), H5Sclose);
  const hssize_t found = std::max<hssize_t>(0, H5Sget_simple_extent_npoints(space.get()));
  constexpr hsize_t most_bytes = 64 << 20;  // names of species and columns take a few kilobytes
  if (H5Aget_storage_size(attribute.get()) > most_bytes || static_cast<hsize_t>(found) > most_bytes)
    file.refuse(fmt::format("{} attribute {}", object, name),
                fmt::format("expected a few values, found {} in {} bytes", found,
                            H5Aget_storage_size(attribute.get())));
  n = static_cast<size_t>(found);
  return attribute;
}

void (*watch_of_texts)(unsigned seconds) = nullptr;

// Tells the watch how long texts of variable length may take: a minute, and a tenth of a millisecond for
// each.
class TextWatch {
 public:
  explicit TextWatch(size_t n) {
    if (watch_of_texts) watch_of_texts(60 + static_cast<unsigned>(std::min<size_t>(n / 10000, 1 << 20)));
  }
  ~TextWatch() {
    if (watch_of_texts) watch_of_texts(0);
  }
  TextWatch(const TextWatch&) = delete;
  TextWatch& operator=(const TextWatch&) = delete;
};

// Strings as a dataset or attribute holds them, fixed or variable in length. `transfer` reads into a buffer
// of the given memory type.
std::vector<std::string> read_strings(hid_t stored, hid_t space, size_t n,
                                      const std::function<bool(hid_t type, void* data)>& transfer, bool& ok) {
  std::vector<std::string> text(n);
  ok = H5Tget_class(stored) == H5T_STRING;
  if (!ok || n == 0) return text;
  const Handle type(H5Tcopy(stored), H5Tclose);
  if (H5Tis_variable_str(stored) > 0) {
    std::vector<char*> values(n, nullptr);
    const TextWatch watch(n);
    ok = transfer(type.get(), values.data());
    for (size_t k = 0; ok && k < n; ++k)
      if (values[k]) text[k] = values[k];
    H5Dvlen_reclaim(type.get(), space, H5P_DEFAULT, values.data());
    return text;
  }
  const size_t width = H5Tget_size(stored);
  std::vector<char> values(n * width);
  ok = transfer(type.get(), values.data());
  for (size_t k = 0; ok && k < n; ++k) {
    const char* begin = values.data() + k * width;
    text[k].assign(begin, std::find(begin, begin + width, '\0'));
    while (H5Tget_strpad(stored) == H5T_STR_SPACEPAD && text[k].ends_with(' ')) text[k].pop_back();
  }
  return text;
}

template <class T>
std::vector<T> number_attribute(const File& file, const std::string& object, const std::string& name,
                                hid_t memory) {
  size_t n = 0;
  const Handle attribute = open_attribute(file, object, name, n);
  std::vector<T> values(n);
  if (attribute && n > 0 && H5Aread(attribute.get(), memory, values.data()) < 0)
    file.fail(fmt::format("{} attribute {}", object, name), "expected numbers");
  return values;
}

}  // namespace

std::unique_lock<std::recursive_mutex> lock() {
  static std::recursive_mutex mutex;
  std::unique_lock<std::recursive_mutex> held(mutex);
  static const bool quiet = [] {
    expect_room();
    // Files are closed by their owners; a clean-up at exit would try once more what a full disk refused.
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    return true;
  }();
  (void)quiet;
  return held;
}

File File::create(const std::string& path, Kind kind) {
  expect_room();
  File file;
  file.path_ = file.name_ = path;
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // HDF5 sets room aside for small numbers, and would let a chunk begin in what is left of it: write_chunk()
  // could not tell where.
  file.placed_ = kind == Kind::placed;
  if (file.placed_) H5Pset_small_data_block_size(access.get(), 0);
  if (kind == Kind::newest) H5Pset_libver_bounds(access.get(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  file.handle_ = Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose);
  if (!file.handle_) file.fail("", "cannot create");
  return file;
}

File File::open(const std::string& path) {
  expect_room();
  File file;
  file.path_ = file.name_ = path;
  file.reading_ = true;
  file.handle_ = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (!file.handle_) file.fail("", "cannot read as HDF5");
  return file;
}

void File::close() {
  if (!handle_) return;
  if (!reading_) expect_room();
  const bool flushed = reading_ || H5Fflush(handle_.get(), H5F_SCOPE_GLOBAL) >= 0;
  if (!flushed) fail("", "cannot write");
  if (!handle_.reset()) fail("", "cannot write");
}

void File::fail(const std::string& object, const std::string& what) const {
  const Reason reason = innermost_reason();
  if (reason.no_memory)
    throw ResourceError(fmt::format("{}{}{}: {}: not enough memory: {}", name_, object.empty() ? "" : ", ",
                                    object, what, reason.text));
  refuse(object, fmt::format("{}: {}", what, reason.text));
}

void File::refuse(const std::string& object, const std::string& what) const {
  const std::string message = fmt::format("{}{}{}: {}", name_, object.empty() ? "" : ", ", object, what);
  if (reading_) throw InputError(message);
  throw ResourceError(message);
}

hsize_t product(const Dims& dims) {
  hsize_t n = 1;
  for (const hsize_t d : dims) n *= d;
  return n;
}

size_t type_bytes(Type type) { return type == Type::int32 ? 4 : type == Type::text ? 16 : 8; }

bool exists(const File& file, const std::string& path) {
  // H5Lexists wants every group on the way to exist.
  for (size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (part.size() > 1 &&
        unless_out_of_memory(file, part, H5Lexists(file.id(), part.c_str(), H5P_DEFAULT)) <= 0)
      return false;
    if (at == std::string::npos)
      return unless_out_of_memory(file, path, H5Oexists_by_name(file.id(), path.c_str(), H5P_DEFAULT)) > 0;
  }
}

bool is_group(const File& file, const std::string& path) {
  H5O_info_t info;
  if (H5Oget_info_by_name1(file.id(), path.c_str(), &info, H5P_DEFAULT) < 0) file.fail(path, "cannot open");
  return info.type == H5O_TYPE_GROUP;
}

std::vector<std::string> children(const File& file, const std::string& group) {
  const Handle owner(H5Gopen2(file.id(), group.c_str(), H5P_DEFAULT), H5Gclose);
  if (!owner) file.fail(group, "expected a group");
  std::vector<std::string> names;
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* out) { return keep_name(out, name); };
  if (H5Literate(owner.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &names) < 0)
    file.fail(group, "cannot list");
  return names;
}

void create_group(const File& file, const std::string& path) {
  if (exists(file, path)) return;
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links.get(), 1);
  const Handle group(H5Gcreate2(file.id(), path.c_str(), links.get(), H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  if (!group) file.fail(path, "cannot create");
}

void hard_link(const File& file, const std::string& from, const std::string& to) {
  if (H5Lcreate_hard(file.id(), from.c_str(), file.id(), to.c_str(), H5P_DEFAULT, H5P_DEFAULT) < 0)
    file.fail(to, "cannot link");
}

Dataset Dataset::open(const File& file, const std::string& path) {
  Dataset d;
  d.path_ = path;
  d.handle_ = open_dataset(file, path);
  if (!d.handle_) file.fail(path, "expected a dataset");
  const Handle space(H5Dget_space(d.id()), H5Sclose);
  const Handle type(H5Dget_type(d.id()), H5Tclose);
  if (!space || !type) file.fail(path, "cannot open");
  const int rank = H5Sget_simple_extent_ndims(space.get());
  if (rank < 0) file.fail(path, "expected an array");
  d.dims_.resize(static_cast<size_t>(rank));
  if (rank > 0) H5Sget_simple_extent_dims(space.get(), d.dims_.data(), nullptr);
  switch (H5Tget_class(type.get())) {
    case H5T_FLOAT:
      d.type_ = Type::real;
      break;
    case H5T_INTEGER:
      d.type_ = H5Tget_size(type.get()) <= 4 ? Type::int32 : Type::int64;
      break;
    case H5T_ENUM:
      d.type_ = Type::int32;
      break;
    case H5T_STRING:
      d.type_ = Type::text;
      break;
    default:
      file.fail(path, "expected real numbers, integers or strings");
  }
  return d;
}

Dataset Dataset::create(const File& file, const std::string& path, Type type, const Dims& first_dims,
                        Layout layout) {
  expect_room();
  Dataset d;
  d.path_ = path;
  d.type_ = type;
  d.dims_ = first_dims;
  const bool grows = layout != Layout::fixed;
  const Dims unlimited(first_dims.size(), H5S_UNLIMITED);
  const Handle space(H5Screate_simple(static_cast<int>(first_dims.size()), first_dims.data(),
                                      grows ? unlimited.data() : nullptr),
                     H5Sclose);
  const Handle plan(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  bool planned = true;
  if (grows) {
    d.chunk_ = chunks_for(first_dims, type_bytes(type));
    d.plain_ = layout == Layout::growing && type != Type::text && std::endian::native == std::endian::little;
    planned = H5Pset_chunk(plan.get(), static_cast<int>(d.chunk_.size()), d.chunk_.data()) >= 0;
  }
  if (type == Type::real)
    planned = planned && H5Pset_fill_value(plan.get(), H5T_NATIVE_DOUBLE, &real_fill) >= 0;
  if (type == Type::int32 || type == Type::int64)
    planned = planned && H5Pset_fill_value(plan.get(), H5T_NATIVE_INT64, &integer_fill) >= 0;
  if (layout == Layout::compressed && type != Type::text)
    planned = planned && H5Pset_shuffle(plan.get()) >= 0 && H5Pset_deflate(plan.get(), deflate_level) >= 0;
  if (!planned) file.fail(path, "cannot create");
  d.handle_ = create_dataset(file, path, type, space, plan);
  return d;
}

Dataset Dataset::create_elsewhere(const File& file, const std::string& path, Type type, const Dims& dims,
                                  const std::string& other, const std::vector<Piece>& pieces) {
  Dataset d;
  d.path_ = path;
  d.type_ = type;
  d.dims_ = dims;
  const Handle space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose);
  const Handle plan(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  for (const Piece& piece : pieces)
    if (H5Pset_external(plan.get(), other.c_str(), static_cast<off_t>(piece.offset), piece.bytes) < 0)
      file.fail(path, "cannot create");
  d.handle_ = create_dataset(file, path, type, space, plan);
  return d;
}

Piece Dataset::write_chunk(const File& file, const Dims& offset, const void* data) const {
  expect_room();
  const hsize_t bytes = product(chunk_) * type_bytes(type_);
  haddr_t before = 0, after = 0, address = 0;
  if (H5Fget_eoa(file.id(), &before) < 0 ||
      H5Dwrite_chunk(id(), H5P_DEFAULT, 0, offset.data(), bytes, data) < 0 ||
      H5Fget_eoa(file.id(), &after) < 0)
    file.fail(path_, "cannot write");
  if (!file.knows_places()) return {0, bytes};
  // If the file grew by the chunk alone, it is there: nothing else that comes with a chunk is as large as the
  // chunks of rows that are alone in theirs. To ask HDF5 takes longer with every chunk.
  if (after - before == bytes) return {before, bytes};
  unsigned filters = 0;
  hsize_t stored = 0;
  if (H5Dget_chunk_info_by_coord(id(), offset.data(), &filters, &address, &stored) < 0 || stored != bytes)
    file.fail(path_, "cannot find what was written");
  return {address, bytes};
}

void Dataset::write_fixed(const File& file, const std::string& path, Type type, const Dims& dims,
                          const void* data) {
  const Handle space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose);
  const Handle memory = type == Type::text ? text_type() : Handle(H5Tcopy(memory_type(type)), H5Tclose);
  const Handle dataset = create_dataset(file, path, type, space, {});
  if (product(dims) > 0 && H5Dwrite(dataset.get(), memory.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
    file.fail(path, "cannot write");
}

void Dataset::write_fixed(const File& file, const std::string& path, const std::vector<std::string>& text) {
  std::vector<const char*> values;
  for (const std::string& s : text) values.push_back(s.c_str());
  write_fixed(file, path, Type::text, {values.size()}, values.data());
}

void Dataset::expect_stored(const File& file, const Dims& count) const {
  const hsize_t limit = largest_unpacked(H5Dget_storage_size(id()));
  if (!holds_at_most(count, limit))
    file.refuse(path_,
                fmt::format("the file is too short for {} values (truncated?)", fmt::join(count, " x ")));
  // HDF5 itself takes memory for whole chunks, and for elements as wide as their type.
  const Handle plan(H5Dget_create_plist(id()), H5Pclose);
  const Handle stored(H5Dget_type(id()), H5Tclose);
  const hsize_t width = std::max<hsize_t>(1, H5Tget_size(stored.get()));
  Dims chunk(dims_.size() + 1, width);
  if (H5Pget_layout(plan.get()) == H5D_CHUNKED &&
      H5Pget_chunk(plan.get(), static_cast<int>(dims_.size()), chunk.data()) >= 0 &&
      !holds_at_most(chunk, limit + (chunk_bytes << 4)))
    file.refuse(path_, fmt::format("the file is too short for its chunks of {} bytes (truncated?)",
                                   fmt::join(chunk, " x ")));
  if (width > (1 << 16) && !holds_at_most({product(count), width}, limit))
    file.refuse(path_, fmt::format("the file is too short for values of {} bytes (truncated?)", width));
}

void Dataset::grow(const File& file, const Dims& at_least) {
  if (at_least.size() != dims_.size())
    file.fail(path_, "the number of dimensions changes from frame to frame");
  Dims dims = dims_;
  for (size_t k = 0; k < dims.size(); ++k) dims[k] = std::max(dims[k], at_least[k]);
  if (dims == dims_) return;
  if (H5Dset_extent(id(), dims.data()) < 0) file.fail(path_, "cannot extend");
  dims_ = dims;
}

void Dataset::transfer(const File& file, const Dims& offset, const Dims& count, hid_t memory, void* data,
                       bool write) const {
  if (product(count) == 0) return;
  expect_room();
  const Handle space(H5Dget_space(id()), H5Sclose);
  Handle block;
  if (!dims_.empty()) {
    block = Handle(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr), H5Sclose);
    if (H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, offset.data(), nullptr, count.data(), nullptr) < 0)
      file.fail(path_, "cannot select");
  } else {
    block = Handle(H5Screate(H5S_SCALAR), H5Sclose);
  }
  const herr_t status = write ? H5Dwrite(id(), memory, block.get(), space.get(), H5P_DEFAULT, data)
                              : H5Dread(id(), memory, block.get(), space.get(), H5P_DEFAULT, data);
  if (status < 0) file.fail(path_, write ? "cannot write" : "cannot read");
}

void Dataset::write(const File& file, const Dims& offset, const Dims& count, Type memory,
                    const void* data) const {
  transfer(file, offset, count, memory_type(memory), const_cast<void*>(data), true);
}

void Dataset::read(const File& file, const Dims& offset, const Dims& count, Type memory, void* data) const {
  transfer(file, offset, count, memory_type(memory), data, false);
}

void Dataset::write_text(const File& file, const Dims& offset, const Dims& count,
                         const std::vector<std::string>& text) const {
  std::vector<const char*> values;
  for (const std::string& s : text) values.push_back(s.c_str());
  const Handle type = text_type();
  transfer(file, offset, count, type.get(), values.data(), true);
}

std::vector<std::string> Dataset::read_text(const File& file, const Dims& offset, const Dims& count) const {
  const Handle stored(H5Dget_type(id()), H5Tclose);
  const Dims shape = dims_.empty() ? Dims{1} : count;
  expect_stored(file, shape);
  const Handle block(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose);
  bool ok = false;
  std::vector<std::string> text = read_strings(
      stored.get(), block.get(), static_cast<size_t>(product(shape)),
      [&](hid_t type, void* data) {
        transfer(file, offset, count, type, data, false);
        return true;
      },
      ok);
  if (!ok) file.fail(path_, "expected strings");
  return text;
}

void Dataset::close(const File& file) {
  if (!handle_.reset()) file.fail(path_, "cannot write");
}

std::optional<int64_t> Dataset::user_fill() const {
  const Handle plan(H5Dget_create_plist(id()), H5Pclose);
  H5D_fill_value_t state = H5D_FILL_VALUE_UNDEFINED;
  int64_t value = 0;
  if (H5Pfill_value_defined(plan.get(), &state) < 0 || state != H5D_FILL_VALUE_USER_DEFINED) return {};
  if (H5Pget_fill_value(plan.get(), H5T_NATIVE_INT64, &value) < 0) return {};
  return value;
}

std::vector<std::pair<int32_t, std::string>> Dataset::enumeration(const File& file) const {
  std::vector<std::pair<int32_t, std::string>> members;
  const Handle type(H5Dget_type(id()), H5Tclose);
  if (H5Tget_class(type.get()) != H5T_ENUM) return members;
  const Handle base(H5Tget_super(type.get()), H5Tclose);
  const int n = H5Tget_nmembers(type.get());
  for (int k = 0; k < n; ++k) {
    // The value is stored in the base type, at most 8 bytes wide; converted in place.
    int64_t value = 0;
    char* name = H5Tget_member_name(type.get(), static_cast<unsigned>(k));
    const bool ok = name && H5Tget_size(base.get()) <= sizeof value &&
                    H5Tget_member_value(type.get(), static_cast<unsigned>(k), &value) >= 0 &&
                    H5Tconvert(base.get(), H5T_NATIVE_INT64, 1, &value, nullptr, H5P_DEFAULT) >= 0;
    if (!ok) file.fail(path_, "cannot read the names of the enumeration");
    members.emplace_back(static_cast<int32_t>(value), name);
    H5free_memory(name);
  }
  return members;
}

void set_attribute(const File& file, const std::string& object, const std::string& name,
                   const std::string& value) {
  const Handle type = text_type();
  const char* data = value.c_str();
  write_attribute(file, object, name, type.get(), nullptr, &data);
}

void set_attribute(const File& file, const std::string& object, const std::string& name,
                   const std::vector<std::string>& values) {
  const Handle type = text_type();
  std::vector<const char*> data;
  for (const std::string& s : values) data.push_back(s.c_str());
  const Dims dims{data.size()};
  write_attribute(file, object, name, type.get(), &dims, data.data());
}

void set_fixed_attribute(const File& file, const std::string& object, const std::string& name,
                         const std::vector<std::string>& values, bool scalar) {
  size_t width = 1;
  for (const std::string& s : values) width = std::max(width, s.size());
  std::vector<char> data(width * values.size(), '\0');
  for (size_t k = 0; k < values.size(); ++k)
    std::copy(values[k].begin(), values[k].end(), data.begin() + static_cast<int64_t>(k * width));
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), width);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  const Dims dims{values.size()};
  write_attribute(file, object, name, type.get(), scalar ? nullptr : &dims, data.data());
}

void set_attribute(const File& file, const std::string& object, const std::string& name,
                   const std::vector<int64_t>& values, bool scalar) {
  const Dims dims{values.size()};
  const Handle type(H5Tcopy(H5T_NATIVE_INT64), H5Tclose);
  write_attribute(file, object, name, type.get(), scalar ? nullptr : &dims, values.data());
}

void set_attribute(const File& file, const std::string& object, const std::string& name,
                   const std::vector<double>& values) {
  const Dims dims{values.size()};
  write_attribute(file, object, name, H5T_NATIVE_DOUBLE, &dims, values.data());
}

bool has_attribute(const File& file, const std::string& object, const std::string& name) {
  return unless_out_of_memory(file, object,
                              H5Aexists_by_name(file.id(), object.c_str(), name.c_str(), H5P_DEFAULT)) > 0;
}

std::vector<std::string> attribute_names(const File& file, const std::string& object) {
  const Handle owner = open_object(file, object);
  std::vector<std::string> names;
  const auto add = [](hid_t, const char* name, const H5A_info_t*, void* out) { return keep_name(out, name); };
  if (H5Aiterate2(owner.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &names) < 0)
    file.fail(object, "cannot list attributes");
  return names;
}

std::vector<std::string> text_attribute(const File& file, const std::string& object,
                                        const std::string& name) {
  size_t n = 0;
  const Handle attribute = open_attribute(file, object, name, n);
  if (!attribute) return {};
  const Handle stored(H5Aget_type(attribute.get()), H5Tclose);
  const Handle space(H5Aget_space(attribute.get()), H5Sclose);
  bool ok = false;
  std::vector<std::string> text = read_strings(
      stored.get(), space.get(), n,
      [&](hid_t type, void* data) { return H5Aread(attribute.get(), type, data) >= 0; }, ok);
  if (!ok) file.fail(fmt::format("{} attribute {}", object, name), "expected strings");
  return text;
}

std::vector<int64_t> integer_attribute(const File& file, const std::string& object, const std::string& name) {
  return number_attribute<int64_t>(file, object, name, H5T_NATIVE_INT64);
}

std::vector<double> real_attribute(const File& file, const std::string& object, const std::string& name) {
  return number_attribute<double>(file, object, name, H5T_NATIVE_DOUBLE);
}

}  // namespace grainfield::h5

void grainfield::watch_hdf5_texts(void (*watch)(unsigned)) { h5::watch_of_texts = watch; }
