// SPDX-License-Identifier: MIT

#include "cplatform.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int arrived;
  int expected;
  int error;
} gate_t;

typedef struct {
  gate_t *gate;
  int index;
  int cpu;
  void (*body)(void *context, int index);
  void *context;
  cplatform_span_t *span;
} worker_t;

/// Waits for all expected threads; false if one of them could not be set up.
static bool pass(gate_t *gate, int error) {
  pthread_mutex_lock(&gate->lock);
  gate->error = error != 0 ? error : gate->error;
  gate->arrived++;
  pthread_cond_broadcast(&gate->changed);
  while (gate->arrived < gate->expected) {
    pthread_cond_wait(&gate->changed, &gate->lock);
  }
  const bool good = gate->error == 0;
  pthread_mutex_unlock(&gate->lock);
  return good;
}

static void *work(void *argument) {
  const worker_t *worker = argument;
  const int error = cplatform_set_affinity(&worker->cpu, 1);
  if (!pass(worker->gate, error)) {
    return NULL;
  }
  const uint64_t begin = cplatform_monotonic_raw_ns();
  const uint64_t cpu = cplatform_thread_cpu_ns();
  worker->body(worker->context, worker->index);
  worker->span->cpu_ns = cplatform_thread_cpu_ns() - cpu;
  worker->span->end_ns = cplatform_monotonic_raw_ns();
  worker->span->begin_ns = begin;
  return NULL;
}

/// Counts the threads that never came as arrived, so that the others do not wait for them.
static void give_up(gate_t *gate, int missing, int error) {
  pthread_mutex_lock(&gate->lock);
  gate->error = error;
  gate->arrived += missing;
  pthread_cond_broadcast(&gate->changed);
  pthread_mutex_unlock(&gate->lock);
}

int cplatform_run_pinned(int count, const int *cpus, void (*body)(void *context, int index),
                         void *context, cplatform_span_t *spans) {
  if (count <= 0) {
    return -EINVAL;
  }
  worker_t *workers = calloc((size_t)count, sizeof *workers);
  pthread_t *threads = calloc((size_t)count, sizeof *threads);
  if (workers == NULL || threads == NULL) {
    free(workers);
    free(threads);
    return -ENOMEM;
  }
  gate_t gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, count, 0};
  int created = 0;
  for (; created < count; created++) {
    workers[created] =
        (worker_t){&gate, created, cpus[created], body, context, &spans[created]};
    const int code = pthread_create(&threads[created], NULL, work, &workers[created]);
    if (code != 0) {
      give_up(&gate, count - created, -code);
      break;
    }
  }
  for (int i = 0; i < created; i++) {
    pthread_join(threads[i], NULL);
  }
  const int error = gate.error;
  free(workers);
  free(threads);
  return error;
}
