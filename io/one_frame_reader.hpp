// A text format whose files hold one frame.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "io/reader.hpp"
#include "io/text_source.hpp"

namespace grainfield {

class OneFrameReader : public Reader {
 public:
  OneFrameReader(std::unique_ptr<TextSource> source, const ReadOptions& options)
      : source_(std::move(source)), options_(options) {}

  std::string file() const final { return source_->path(); }

  bool next(Frame& frame) final {
    if (!skip()) return false;
    read(frame);
    return true;
  }

  bool skip() final { return !std::exchange(done_, true); }
  bool recover() final { return true; }  // no frame is left

 protected:
  virtual void read(Frame& frame) = 0;
  [[noreturn]] void fail(const std::string& what) const { source_->fail(source_->last_line(), what); }

  std::unique_ptr<TextSource> source_;
  ReadOptions options_;

 private:
  bool done_ = false;
};

}  // namespace grainfield
