#include "proxy/record/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "policy/base/outbuf.h"
#include "proxy/base/log.h"

struct access_log {
    pthread_mutex_t lock;
    char *path; /* owned; NULL: standard output */
    int fd;
    uint64_t seq;
    uint64_t dropped;
    atomic_bool failed;
    size_t len;
    char buffer[ACCESS_LOG_BUFFER];
};

static int open_file(const char *path) {
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

struct access_log *access_log_open(const char *path) {
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDOUT_FILENO : open_file(path);
    if (fd < 0) return NULL;
    struct access_log *log = calloc(1, sizeof(*log));
    ENSURE(log != NULL);
    pthread_mutex_init(&log->lock, NULL);
    log->fd = fd;
    log->path = standard ? NULL : strdup(path);
    return log;
}

void access_log_free(struct access_log *log) {
    if (log == NULL) return;
    access_log_flush(log);
    if (log->path != NULL) close(log->fd);
    free(log->path);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

static void flush_locked(struct access_log *log) {
    size_t done = 0;
    int error = 0;
    while (done < log->len && error == 0) {
        ssize_t wrote = write(log->fd, log->buffer + done, log->len - done);
        if (wrote > 0)
            done += (size_t)wrote;
        else if (wrote == 0) /* no error, no progress: not again and again */
            error = EIO;
        else if (errno != EINTR)
            error = errno;
    }
    log->len -= done;
    memmove(log->buffer, log->buffer + done, log->len);
    bool failed = error != 0;
    if (failed != atomic_load(&log->failed)) {
        if (failed)
            log_event(LOG_ERROR, "access_log.write_failed", "error=%s", strerror(error));
        else
            log_event(LOG_WARNING, "access_log.recovered", "dropped=%llu",
                      (unsigned long long)log->dropped);
        atomic_store(&log->failed, failed);
    }
}

void access_log_flush(struct access_log *log) {
    pthread_mutex_lock(&log->lock);
    if (log->len > 0) flush_locked(log);
    pthread_mutex_unlock(&log->lock);
}

void access_log_add(struct access_log *log, struct str record) {
    pthread_mutex_lock(&log->lock);
    size_t need = 40 + record.len + 1; /* {"seq":, 20 digits and a comma fit into 40 */
    if (need > ACCESS_LOG_BUFFER - log->len) flush_locked(log);
    if (need > ACCESS_LOG_BUFFER - log->len) {
        log->dropped++;
    } else {
        struct outbuf out;
        outbuf_init(&out, log->buffer + log->len, ACCESS_LOG_BUFFER - log->len);
        outbuf_put(&out, STR("{\"seq\":"));
        outbuf_u64(&out, ++log->seq);
        outbuf_char(&out, ',');
        outbuf_put(&out, record);
        outbuf_char(&out, '\n');
        log->len += out.len;
    }
    pthread_mutex_unlock(&log->lock);
}

void access_log_reopen(struct access_log *log) {
    if (log->path == NULL) return;
    int fd = open_file(log->path);
    if (fd < 0) {
        log_event(LOG_ERROR, "access_log.reopen_failed", "error=%s", strerror(errno));
        return;
    }
    pthread_mutex_lock(&log->lock);
    flush_locked(log);
    int old = log->fd;
    log->fd = fd;
    pthread_mutex_unlock(&log->lock);
    close(old);
}

bool access_log_healthy(struct access_log *log) {
    return !atomic_load(&log->failed);
}
