// SPDX-License-Identifier: MIT

#include "child_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>

extern char **environ;

namespace attnbench {

namespace {

void require(bool condition, int code, const char *what) {
  if (!condition)
    throw std::system_error(code, std::generic_category(), what);
}

sigset_t pipe_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return set;
}

/// What posix_spawn is told about the child's descriptors and signals.
class SpawnPlan {
public:
  SpawnPlan(int input, int messages) {
    require(posix_spawn_file_actions_init(&actions_) == 0, ENOMEM, "spawn");
    require(posix_spawnattr_init(&attributes_) == 0, ENOMEM, "spawn");
    posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, messages, STDERR_FILENO);
    sigset_t none;
    sigemptyset(&none);
    const sigset_t pipe = pipe_signal();
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &pipe);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnPlan(const SpawnPlan &) = delete;
  SpawnPlan &operator=(const SpawnPlan &) = delete;

  pid_t start(const std::string &program) {
    std::string name = program;
    std::string defaults = "-d";
    char *arguments[] = {name.data(), defaults.data(), nullptr};
    pid_t pid = -1;
    const int code =
        posix_spawnp(&pid, program.c_str(), &actions_, &attributes_, arguments, environ);
    require(code == 0, code, "start");
    return pid;
  }

private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

} // namespace

Descriptor::~Descriptor() {
  if (value_ >= 0)
    close(value_);
}

int Descriptor::release() {
  const int value = value_;
  value_ = -1;
  return value;
}

void Descriptor::take(int value) {
  if (value_ >= 0)
    close(value_);
  value_ = value;
}

ChildProcess::ChildProcess(const std::string &program, double timeout_seconds)
    : messages_(memfd_create("messages", MFD_CLOEXEC)) {
  require(messages_.get() >= 0, errno, "memory file");
  int ends[2];
  require(pipe2(ends, O_CLOEXEC) == 0, errno, "pipe");
  Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  pid_ = SpawnPlan(reading.get(), messages_.get()).start(program);
  input_.take(writing.release());
  try {
    watchdog_ = std::thread([this, timeout_seconds] { watch(timeout_seconds); });
  } catch (...) {
    kill(pid_, SIGKILL);
    wait();
    throw;
  }
}

ChildProcess::~ChildProcess() {
  if (reaped_)
    return;
  kill(pid_, SIGKILL);
  wait();
}

int ChildProcess::wait() {
  siginfo_t info;
  // WNOWAIT keeps the process id taken until the watchdog can no longer kill by it.
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  stop_watching();
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
  return status;
}

void ChildProcess::watch(double timeout_seconds) {
  std::unique_lock<std::mutex> guard(mutex_);
  const auto limit = std::chrono::duration<double>(timeout_seconds);
  if (end_.wait_for(guard, limit, [this] { return ended_; }))
    return;
  timed_out_ = true;
  kill(pid_, SIGKILL);
}

void ChildProcess::stop_watching() {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    ended_ = true;
  }
  end_.notify_all();
  if (watchdog_.joinable())
    watchdog_.join();
}

std::string ChildProcess::messages(size_t limit) const {
  std::string text(limit, '\0');
  const ssize_t count = pread(messages_.get(), text.data(), limit, 0);
  text.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return text;
}

PipeSignalBlock::PipeSignalBlock() {
  const sigset_t pipe = pipe_signal();
  sigset_t pending;
  sigset_t previous;
  sigpending(&pending);
  was_pending_ = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &pipe, &previous);
  was_blocked_ = sigismember(&previous, SIGPIPE) == 1;
}

PipeSignalBlock::~PipeSignalBlock() {
  const sigset_t pipe = pipe_signal();
  if (!was_pending_) {
    const timespec immediately = {0, 0};
    sigtimedwait(&pipe, nullptr, &immediately);
  }
  if (!was_blocked_)
    pthread_sigmask(SIG_UNBLOCK, &pipe, nullptr);
}

} // namespace attnbench
