// SPDX-License-Identifier: MIT

#include "gnuplot_bridge.h"

#include <gnuplot-iostream.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <string>
#include <system_error>

#include "child_process.hpp"

namespace {

struct Outcome {
  gnuplot_bridge_status_t status;
  std::string message;
};

std::string trimmed(std::string text) {
  const char *const blank = " \t\r\n";
  const size_t first = text.find_first_not_of(blank);
  if (first == std::string::npos)
    return "";
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

/// Sends the script and tells whether all of it was taken.
bool feed(attnbench::ChildProcess &process, const char *script) {
  std::FILE *const stream = fdopen(process.release_input(), "w");
  if (stream == nullptr)
    throw std::bad_alloc();
  Gnuplot gnuplot(stream);
  gnuplot << script << "\n" << std::flush;
  return gnuplot.good();
}

Outcome run(const std::string &program, const char *script, double timeout_seconds) {
  const attnbench::PipeSignalBlock quiet;
  attnbench::ChildProcess process(program, timeout_seconds);
  const bool was_taken = feed(process, script);
  const int status = process.wait();
  if (process.timed_out()) {
    return {GNUPLOT_BRIDGE_TIMED_OUT, "'" + program + "' did not end in time and was stopped"};
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    if (was_taken)
      return {GNUPLOT_BRIDGE_OK, ""};
    return {GNUPLOT_BRIDGE_REFUSED, "'" + program + "' ended before it had read the script"};
  }
  const std::string said = trimmed(process.messages(2000));
  const std::string end = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                              : "status " + std::to_string(WEXITSTATUS(status));
  return {GNUPLOT_BRIDGE_REFUSED,
          "'" + program + "' ended with " + end + (said.empty() ? "" : ": " + said)};
}

Outcome guarded_run(const std::string &program, const char *script, double timeout_seconds) {
  try {
    return run(program, script, timeout_seconds);
  } catch (const std::system_error &error) {
    const int code = error.code().value();
    if (code == ENOENT || code == EACCES || code == ENOTDIR || code == ENOEXEC) {
      return {GNUPLOT_BRIDGE_NOT_FOUND,
              "'" + program + "' was not found or cannot be executed; install gnuplot-nox"};
    }
    return {GNUPLOT_BRIDGE_SYSTEM, error.what()};
  } catch (const std::exception &error) {
    return {GNUPLOT_BRIDGE_SYSTEM, error.what()};
  } catch (...) {
    return {GNUPLOT_BRIDGE_SYSTEM, "unknown failure"};
  }
}

void copy_text(const char *text, char *target, size_t size) {
  if (target == nullptr || size == 0)
    return;
  const size_t count = std::min(std::strlen(text), size - 1);
  std::memcpy(target, text, count);
  target[count] = '\0';
}

} // namespace

gnuplot_bridge_status_t gnuplot_bridge_run(const char *program, const char *script,
                                           double timeout_seconds, char *error, size_t error_size) {
  try {
    const Outcome outcome =
        guarded_run(program == nullptr ? "gnuplot" : program, script, timeout_seconds);
    copy_text(outcome.message.c_str(), error, error_size);
    return outcome.status;
  } catch (...) {
    copy_text("out of memory", error, error_size);
    return GNUPLOT_BRIDGE_SYSTEM;
  }
}
