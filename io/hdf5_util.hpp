// Owners and checked calls over the HDF5 C library. Only io/*.cpp files that speak HDF5 include this.
//
// The library is not thread-safe: every public function of a reader or writer takes lock() first and holds it
// while it works. Errors are InputError for a file opened to read and ResourceError for one being written,
// with the path, the object inside and HDF5's innermost reason.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace grainfield::h5 {

std::unique_lock<std::recursive_mutex> lock();

// An open HDF5 identifier.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept { *this = std::move(other); }
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() { reset(); }
  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  // Closes now; false where the library could not (a full disk shows up here).
  bool reset() {
    const hid_t id = std::exchange(id_, -1);
    return id < 0 || close_(id) >= 0;
  }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

enum class Type { real, int32, int64, text };  // float64, signed integers, UTF-8 strings
size_t type_bytes(Type type);                  // of one value in memory

// Of a dataset: of unlimited size in every dimension, in chunks, plain or compressed; or of the size that it
// is made with, which is less work for HDF5 and takes no more room than the numbers.
enum class Layout { growing, compressed, fixed };

using Dims = std::vector<hsize_t>;
hsize_t product(const Dims& dims);  // how many numbers

// Bytes of a file that follow each other.
struct Piece {
  hsize_t offset = 0, bytes = 0;
};

class File {
 public:
  File() = default;
  // portable: for every HDF5 there is; placed: so too, and it is known where whole chunks lie; newest: for an
  // HDF5 as new as ours, with smaller and faster tables of what is inside.
  enum class Kind { portable, placed, newest };
  static File create(const std::string& path, Kind kind = Kind::portable);  // replaces an existing file
  static File open(const std::string& path);                                // to read
  bool knows_places() const { return placed_; }
  const std::string& path() const { return path_; }
  // Path used in messages, where the file has a temporary name.
  void set_name(const std::string& name) { name_ = name; }
  hid_t id() const { return handle_.get(); }
  bool is_open() const { return static_cast<bool>(handle_); }
  void close();  // checked; the destructor closes too, without a word
  [[noreturn]] void fail(const std::string& object, const std::string& what) const;
  // The same where HDF5 itself has no complaint.
  [[noreturn]] void refuse(const std::string& object, const std::string& what) const;

 private:
  Handle handle_;
  std::string path_, name_;
  bool reading_ = false, placed_ = false;
};

bool exists(const File& file, const std::string& path);
bool is_group(const File& file, const std::string& path);
std::vector<std::string> children(const File& file, const std::string& group);  // by name
void create_group(const File& file, const std::string& path);                   // with its parents
void hard_link(const File& file, const std::string& from, const std::string& to);

// A dataset of known type, with its current dimensions.
class Dataset {
 public:
  Dataset() = default;
  static Dataset open(const File& file, const std::string& path);
  // Of fixed size; its numbers are those in pieces of another file of the same folder (io/FORMAT.md).
  static Dataset create_elsewhere(const File& file, const std::string& path, Type type, const Dims& dims,
                                  const std::string& other, const std::vector<Piece>& pieces);
  // Filled with NaN, -1 or "". `first_dims` guides the chunks.
  static Dataset create(const File& file, const std::string& path, Type type, const Dims& first_dims,
                        Layout layout);
  // Fixed size, written at once.
  static void write_fixed(const File& file, const std::string& path, Type type, const Dims& dims,
                          const void* data);
  static void write_fixed(const File& file, const std::string& path, const std::vector<std::string>& text);

  Type type() const { return type_; }
  const Dims& dims() const { return dims_; }
  hid_t id() const { return handle_.get(); }
  const std::string& path() const { return path_; }
  // Of a growing dataset made by create(): dimensions of its chunks, and whether their bytes in the file are
  // those in memory.
  const Dims& chunk() const { return chunk_; }
  bool is_plain() const { return plain_; }
  // A whole chunk of a plain dataset, from memory to the file with nothing in between: where it now lies, if
  // the file knows places. Each chunk once.
  Piece write_chunk(const File& file, const Dims& offset, const void* data) const;
  // Fills what no frame covers.
  static constexpr double real_fill = std::numeric_limits<double>::quiet_NaN();
  static constexpr int64_t integer_fill = -1;
  // Before memory is taken for a block of this size: throws where the file is too short to hold it, as a
  // damaged header may claim any size.
  void expect_stored(const File& file, const Dims& count) const;
  // Makes every dimension at least this large.
  void grow(const File& file, const Dims& at_least);
  // A block of the dataset; data are doubles, int32_t, int64_t by `memory`, converted where the file differs.
  void write(const File& file, const Dims& offset, const Dims& count, Type memory, const void* data) const;
  void read(const File& file, const Dims& offset, const Dims& count, Type memory, void* data) const;
  void write_text(const File& file, const Dims& offset, const Dims& count,
                  const std::vector<std::string>& text) const;
  std::vector<std::string> read_text(const File& file, const Dims& offset, const Dims& count) const;
  void close(const File& file);
  // The fill value that the file's author set, if any (integers).
  std::optional<int64_t> user_fill() const;
  // Values and names of an enumeration; empty for other types.
  std::vector<std::pair<int32_t, std::string>> enumeration(const File& file) const;

 private:
  void transfer(const File& file, const Dims& offset, const Dims& count, hid_t memory, void* data,
                bool write) const;
  Handle handle_;
  std::string path_;
  Type type_ = Type::real;
  Dims dims_, chunk_;
  bool plain_ = false;
};

void set_attribute(const File& file, const std::string& object, const std::string& name,
                   const std::string& value);
// H5MD asks for fixed-length strings in its own metadata.
void set_fixed_attribute(const File& file, const std::string& object, const std::string& name,
                         const std::vector<std::string>& values, bool scalar);
void set_attribute(const File& file, const std::string& object, const std::string& name,
                   const std::vector<std::string>& values);
void set_attribute(const File& file, const std::string& object, const std::string& name,
                   const std::vector<int64_t>& values, bool scalar = false);
void set_attribute(const File& file, const std::string& object, const std::string& name,
                   const std::vector<double>& values);
bool has_attribute(const File& file, const std::string& object, const std::string& name);
std::vector<std::string> attribute_names(const File& file, const std::string& object);
// Empty where the attribute is absent; InputError where it is of another class.
std::vector<std::string> text_attribute(const File& file, const std::string& object, const std::string& name);
std::vector<int64_t> integer_attribute(const File& file, const std::string& object, const std::string& name);
std::vector<double> real_attribute(const File& file, const std::string& object, const std::string& name);

}  // namespace grainfield::h5
