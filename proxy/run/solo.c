#include "proxy/run/solo.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "policy/base/bytes.h"
#include "proxy/run/process.h"

static uint64_t wall_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static const char *log_path(const char *access_log) {
    if (access_log == NULL) return "/dev/null";
    return strcmp(access_log, "-") == 0 ? "/dev/stderr" : access_log;
}

bool solo_open(struct solo *s, const char *access_log, char *error, size_t error_len) {
    memset(s, 0, sizeof(*s));
    process_prepare();
    s->shared.log = access_log_open(log_path(access_log));
    if (s->shared.log == NULL) {
        snprintf(error, error_len, "%s: %s", log_path(access_log), strerror(errno));
        return false;
    }
    int rc = RAND_bytes(s->shared.claim_key, sizeof(s->shared.claim_key));
    ENSURE(rc == 1);
    atomic_init(&s->shared.next_id, 1);
    worker_init(&s->worker, &s->shared, 0);
    s->worker.phone_idle_ms = SOLO_IDLE_MS;
    s->shared.epoch_ms = wall_ms() - worker_now(&s->worker);
    return true;
}

void solo_run(struct solo *s) {
    while (s->worker.live > 0) uv_run(&s->worker.loop, UV_RUN_ONCE);
}

void solo_close(struct solo *s) {
    struct worker *w = &s->worker;
    ENSURE(w->live == 0);
    worker_close(w);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    worker_deinit(w);
    access_log_free(s->shared.log);
    bytes_wipe(s, sizeof(*s));
}
