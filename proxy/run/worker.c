#include "proxy/run/worker.h"

#include <malloc.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "policy/base/bytes.h"

static void ring_insert(struct timed *timed, struct timed *before) {
    timed->next = before;
    timed->prev = before->prev;
    timed->prev->next = timed;
    before->prev = timed;
}

/* Connections that fall quiet leave holes between those that stay; malloc by itself gives back only
 * what lies at the end. Never more than a two-hundredth of the time. */
static void trim_memory(struct worker *w) {
    w->cooled = 0;
    uint64_t began_ns = uv_hrtime();
    malloc_trim(0);
    w->tidy_ms += 200 * (uv_hrtime() - began_ns) / 1000000;
}

static void tidy_memory(struct worker *w) {
    if (worker_now(w) < w->tidy_ms) return;
    w->tidy_ms = worker_now(w) + WORKER_TIDY_MS;
    io_tidy(&w->io);
    if (w->cooled >= WORKER_TRIM_MIN) trim_memory(w);
}

static void ring_remove(struct timed *timed) {
    timed->next->prev = timed->prev;
    timed->prev->next = timed->next;
    timed->next = timed->prev = NULL;
    if (timed->far != NULL) timed->far->far_count--;
    timed->far = NULL;
}

static bool is_near(const struct timed *timed, uint64_t now) {
    return timed->deadline_ms != 0 && timed->deadline_ms <= now + WORKER_FAR_MS;
}

static void go_far(struct worker *w, struct timed *timed) {
    ring_remove(timed);
    ring_insert(timed, &w->far);
    timed->far = w;
    w->far_count++;
}

static void come_near(struct worker *w, struct timed *timed) {
    ring_remove(timed);
    ring_insert(timed, &w->timed);
}

/* A part of those with time: all of them in WORKER_FAR_TICKS. */
static void look_far(struct worker *w, uint64_t now) {
    for (size_t left = w->far_count / WORKER_FAR_TICKS + 1; left > 0 && w->far_count > 0; left--) {
        struct timed *timed = w->far.next;
        if (is_near(timed, now))
            come_near(w, timed);
        else
            go_far(w, timed); /* to the end of the ring */
    }
}

static void on_tick(uv_timer_t *timer) {
    struct worker *w = timer->data;
    uint64_t now = worker_now(w);
    look_far(w, now);
    struct timed *timed = w->timed.next;
    while (timed != &w->timed) {
        struct timed *next = timed->next;
        if (timed->deadline_ms != 0 && timed->deadline_ms <= now) {
            /* Whatever `expired` takes out of the ring, the mark stays where we are. */
            struct timed mark = {.deadline_ms = 0};
            ring_insert(&mark, next);
            timed->deadline_ms = 0;
            timed->expired(timed);
            next = mark.next;
            timed_stop(&mark);
        } else if (timed->patient && !is_near(timed, now)) {
            go_far(w, timed);
        }
        timed = next;
    }
    if (!access_log_healthy(w->shared->log)) access_log_flush(w->shared->log);
    tidy_memory(w);
}

void worker_bury(struct worker *w, struct grave *grave) {
    grave->next = w->graves;
    w->graves = grave;
}

static void bury_all(struct worker *w) {
    while (w->graves != NULL) {
        struct grave *grave = w->graves;
        w->graves = grave->next;
        grave->bury(grave);
    }
}

/* Records first: who has a short answer in hand finds that it was written down. */
static void let_answers_leave(struct worker *w) {
    access_log_flush(w->shared->log);
    io_flush(&w->io);
}

static void after_io(uv_check_t *check) {
    struct worker *w = check->data;
    /* No answer that is there waits for somebody else's handshake. */
    if (handshakes_wait(&w->handshakes)) let_answers_leave(w);
    handshakes_turn(&w->handshakes, worker_now(w));
    bury_all(w);
}

static void before_sleep(uv_prepare_t *prepare) {
    let_answers_leave(prepare->data);
}

void worker_init(struct worker *w, struct shared *shared, unsigned index) {
    *w = (struct worker){.shared = shared, .index = index, .date_s = -1};
    int rc = uv_loop_init(&w->loop);
    ENSURE(rc == 0);
    io_init(&w->io, &w->loop);
    mailbox_init(&w->mailbox, &w->loop);
    w->hasher = hasher_new();
    uint64_t hash_key[2];
    worker_random(w, (uint8_t *)hash_key, sizeof(hash_key));
    crowd_init(&w->crowd, hash_key);
    handshakes_init(&w->handshakes, &w->loop);
    w->timed.next = w->timed.prev = &w->timed;
    w->far.next = w->far.prev = &w->far;
    w->tick.data = w;
    uv_timer_init(&w->loop, &w->tick);
    uv_timer_start(&w->tick, on_tick, WORKER_TICK_MS, WORKER_TICK_MS);
    w->after_io.data = w;
    uv_check_init(&w->loop, &w->after_io);
    uv_check_start(&w->after_io, after_io);
    w->before_sleep.data = w;
    uv_prepare_init(&w->loop, &w->before_sleep);
    uv_prepare_start(&w->before_sleep, before_sleep);
}

/* What lies in a spare buffer. */
struct head_buf {
    struct head_buf *next;
    size_t size;
};

char *worker_take_head(struct worker *w, size_t size) {
    ENSURE(size >= sizeof(struct head_buf));
    struct head_buf *spare = w->heads;
    if (spare != NULL) {
        w->heads = spare->next;
        w->head_count--;
        if (spare->size == size) return (char *)spare;
        free(spare); /* a reload has changed the limit */
    }
    char *head = malloc(size);
    ENSURE(head != NULL);
    return head;
}

void worker_give_head(struct worker *w, char *head, size_t size) {
    if (head == NULL) return;
    if (w->head_count == WORKER_SPARE_HEADS) {
        free(head);
        return;
    }
    struct head_buf *spare = (struct head_buf *)(void *)head;
    *spare = (struct head_buf){w->heads, size};
    w->heads = spare;
    w->head_count++;
}

static void free_heads(struct worker *w) {
    while (w->heads != NULL) {
        struct head_buf *next = w->heads->next;
        free(w->heads);
        w->heads = next;
    }
}

void worker_close(struct worker *w) {
    uv_close((uv_handle_t *)&w->tick, NULL);
    uv_close((uv_handle_t *)&w->after_io, NULL);
    uv_close((uv_handle_t *)&w->before_sleep, NULL);
    handshakes_close(&w->handshakes);
    mailbox_close(&w->mailbox);
}

void worker_deinit(struct worker *w) {
    bury_all(w);
    free_heads(w);
    crowd_deinit(&w->crowd);
    int rc = uv_loop_close(&w->loop);
    ENSURE(rc == 0);
    io_deinit(&w->io);
    hasher_free(w->hasher);
    bytes_wipe(w->random, sizeof(w->random));
}

uint64_t worker_now(const struct worker *w) {
    return uv_now(&w->loop);
}

bool worker_may_tell(struct worker *w, struct told *told, unsigned most) {
    uint64_t second = worker_now(w) / 1000;
    if (second != told->second) *told = (struct told){.second = second};
    bool may = told->count < most;
    told->count += may;
    if (!may) atomic_fetch_add(&w->shared->defence.untold, 1);
    return may;
}

uint64_t worker_epoch_ms(const struct worker *w) {
    return w->shared->epoch_ms + uv_now(&w->loop);
}

struct when worker_when(struct worker *w) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (struct when){0};
    if (now.tv_sec == w->when.utc_s) return w->when;
    struct tm local;
    w->when = (struct when){0};
    if (localtime_r(&now.tv_sec, &local) != NULL)
        w->when = (struct when){now.tv_sec, (int32_t)local.tm_gmtoff};
    return w->when;
}

void worker_random(struct worker *w, uint8_t *out, size_t len) {
    ENSURE(len <= sizeof(w->random));
    if (w->random_left < len) {
        int rc = RAND_bytes(w->random, sizeof(w->random));
        ENSURE(rc == 1);
        w->random_left = sizeof(w->random);
    }
    w->random_left -= len;
    memcpy(out, w->random + w->random_left, len);
    bytes_wipe(w->random + w->random_left, len);
}

struct str worker_date(struct worker *w) {
    int64_t now = (int64_t)(worker_epoch_ms(w) / 1000);
    if (now != w->date_s) {
        /* Not strftime: its names follow the locale. */
        static const char days[] = "SunMonTueWedThuFriSat";
        static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        struct tm t;
        time_t seconds = (time_t)now;
        gmtime_r(&seconds, &t);
        char text[64];
        snprintf(text, sizeof(text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                 days + 3 * t.tm_wday, t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900,
                 t.tm_hour, t.tm_min, t.tm_sec);
        memcpy(w->date, text, 29);
        w->date_s = now;
    }
    return (struct str){w->date, 29};
}

void timed_start(struct worker *w, struct timed *timed, void (*expired)(struct timed *)) {
    timed->expired = expired;
    timed->deadline_ms = 0;
    ring_insert(timed, &w->timed);
}

void timed_set(struct worker *w, struct timed *timed, uint64_t deadline_ms) {
    timed->deadline_ms = deadline_ms;
    if (timed->far != NULL && is_near(timed, worker_now(w))) come_near(w, timed);
}

void timed_stop(struct timed *timed) {
    if (timed->next != NULL) ring_remove(timed);
}
