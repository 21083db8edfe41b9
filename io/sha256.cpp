#include "io/sha256.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "host/error.hpp"
#include "io/results_writer.hpp"

namespace grainfield {

namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1)
      throw ResourceError("OpenSSL offers no SHA-256");
  }
  void add(const void* data, size_t bytes) { EVP_DigestUpdate(context_.get(), data, bytes); }
  std::string hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &n);
    std::string text;
    for (unsigned int k = 0; k < n; ++k) text += fmt::format("{:02x}", digest[k]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string sha256_of_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw ResourceError(fmt::format("{}: cannot read: {}", path, std::strerror(errno)));
  Sha256 sum;
  std::vector<char> piece(1 << 16);  // stays in the cache of the core
  for (;;) {
    const ssize_t n = ::read(fd, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int reason = errno;
      ::close(fd);
      throw ResourceError(fmt::format("{}: cannot read: {}", path, std::strerror(reason)));
    }
    if (n == 0) break;
    sum.add(piece.data(), static_cast<size_t>(n));
  }
  ::close(fd);
  return sum.hex();
}

std::string sha256_of_text(std::string_view text) {
  Sha256 sum;
  sum.add(text.data(), text.size());
  return sum.hex();
}

Provenance::Input describe_input(const std::string& path) {
  Provenance::Input input;
  input.name = path;
  input.sha256 = sha256_of_file(path);
  std::error_code error;
  input.bytes = std::filesystem::file_size(path, error);
  if (error) throw ResourceError(fmt::format("{}: cannot read its size: {}", path, error.message()));
  return input;
}

}  // namespace grainfield
