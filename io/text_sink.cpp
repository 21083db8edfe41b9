#include "io/text_sink.hpp"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>

#include "host/error.hpp"
#include "kernels/core/parallel.hpp"

namespace grainfield {

namespace {

constexpr int64_t piece_lines = 8192;       // about half a megabyte: large enough to compress well
constexpr int64_t pieces_per_thread = 4;    // formatted between two writes; bounds the memory
constexpr size_t pending_limit = 1u << 20;  // headers are written at this size

}  // namespace

TextSink::TextSink(const std::string& path, int threads) : file_(path), threads_(std::max(1, threads)) {
  if (path.ends_with(".gz")) packing_ = Packing::gzip;
  if (path.ends_with(".zst")) packing_ = Packing::zstd;
}

void TextSink::pack(std::string_view text, std::vector<char>& packed) const {
  if (packing_ == Packing::zstd) {
    packed.resize(ZSTD_compressBound(text.size()));
    const size_t n = ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3);
    if (ZSTD_isError(n)) throw ResourceError(fmt::format("{}: zstd: {}", path(), ZSTD_getErrorName(n)));
    packed.resize(n);
    return;
  }
  z_stream stream{};
  constexpr int window_bits_gzip = 15 + 16;
  if (deflateInit2(&stream, 6, Z_DEFLATED, window_bits_gzip, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw ResourceError(fmt::format("{}: gzip: no memory", path()));
  packed.resize(deflateBound(&stream, text.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int status = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) throw ResourceError(fmt::format("{}: gzip: error {}", path(), status));
}

void TextSink::put(std::string_view text) {
  if (text.empty()) return;
  if (packing_ == Packing::none) return file_.write(text.data(), text.size());
  std::vector<char> packed;
  pack(text, packed);
  file_.write(packed.data(), packed.size());
}

void TextSink::lines(int64_t n, const std::function<void(int64_t, int64_t, TextBuffer&)>& format) {
  if (n < piece_lines && pending_.size() < pending_limit) {  // small frames share a piece
    format(0, n, pending_);
    return;
  }
  put(pending_.view());
  pending_.clear();
  const int64_t n_pieces = (n + piece_lines - 1) / piece_lines;
  const int64_t round = pieces_per_thread * threads_;
  std::vector<TextBuffer> text(static_cast<size_t>(std::min(round, n_pieces)));
  std::vector<std::vector<char>> packed(text.size());
  for (int64_t first = 0; first < n_pieces; first += round) {
    const int64_t count = std::min(round, n_pieces - first);
    parallel_for(
        threads_, count,
        [&](int64_t k) {
          TextBuffer& out = text[static_cast<size_t>(k)];
          out.clear();
          format((first + k) * piece_lines, std::min(n, (first + k + 1) * piece_lines), out);
          if (packing_ != Packing::none) pack(out.view(), packed[static_cast<size_t>(k)]);
        },
        1);
    for (int64_t k = 0; k < count; ++k) {
      const auto i = static_cast<size_t>(k);
      if (packing_ == Packing::none)
        file_.write(text[i].view().data(), text[i].size());
      else
        file_.write(packed[i].data(), packed[i].size());
    }
  }
}

void TextSink::close() {
  if (packing_ != Packing::none && pending_.size() == 0 && file_.position() == 0)
    pending_.add('\n');  // an empty compressed file is no compressed file
  put(pending_.view());
  pending_.clear();
  file_.close();
}

}  // namespace grainfield
