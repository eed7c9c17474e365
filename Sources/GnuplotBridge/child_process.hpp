// SPDX-License-Identifier: MIT

#ifndef ATTNBENCH_CHILD_PROCESS_HPP
#define ATTNBENCH_CHILD_PROCESS_HPP

#include <sys/types.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace attnbench {

/// A file descriptor that is closed when it goes out of scope.
class Descriptor {
public:
  explicit Descriptor(int value = -1) : value_(value) {}
  ~Descriptor();
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;

  int get() const { return value_; }
  int release();
  void take(int value);

private:
  int value_;
};

/// A program that reads standard input, with its messages kept in memory.
///
/// No shell is involved. A watchdog kills the program once the time is over; the destructor kills
/// and reaps it if `wait` was not reached.
class ChildProcess {
public:
  /// Throws std::system_error; its code is ENOENT or EACCES if the program cannot be run.
  ChildProcess(const std::string &program, double timeout_seconds);
  ~ChildProcess();
  ChildProcess(const ChildProcess &) = delete;
  ChildProcess &operator=(const ChildProcess &) = delete;

  /// The end of the pipe that feeds standard input; the caller closes it.
  int release_input() { return input_.release(); }
  /// Waits for the end and returns the status of waitpid.
  int wait();
  bool timed_out() const { return timed_out_; }
  /// The first bytes that the program wrote to standard error.
  std::string messages(size_t limit) const;

private:
  void watch(double timeout_seconds);
  void stop_watching();

  Descriptor input_;
  Descriptor messages_;
  pid_t pid_ = -1;
  bool reaped_ = false;
  bool ended_ = false;
  bool timed_out_ = false;
  std::mutex mutex_;
  std::condition_variable end_;
  std::thread watchdog_;
};

/// Keeps SIGPIPE from this thread for a scope: a write to a dead reader returns an error instead.
class PipeSignalBlock {
public:
  PipeSignalBlock();
  ~PipeSignalBlock();
  PipeSignalBlock(const PipeSignalBlock &) = delete;
  PipeSignalBlock &operator=(const PipeSignalBlock &) = delete;

private:
  bool was_blocked_;
  bool was_pending_;
};

} // namespace attnbench

#endif
