/* held_parts.h: what the files of held share, and nobody else sees.
 *
 * held.c: when, what came of it, who is restricted. held_keep.c: the file. held_numbers.c: what
 * others ask. */
#ifndef PROXY_HARDEN_HELD_PARTS_H
#define PROXY_HARDEN_HELD_PARTS_H

#include "proxy/config/strmap.h"
#include "proxy/harden/held.h"

struct held_check;

struct held_phone {
    struct held_memory memory; /* written by the main thread, under the lock */
    bool listed;               /* the configuration names it */
    bool listing;              /* and the one that is taken over does, too */
    bool judged;              /* its profile says what a hardened phone is; others are left alone */
    size_t index;             /* there */
    bool doubted;             /* the last look says that a step was lost; the next one decides */
    uint64_t phase, due_ms;   /* held_plan.h */
    struct held_check *check; /* under way */
};

struct held {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct mailbox mailbox; /* checks come back */
    struct shared *shared;
    struct site *site; /* a reference */
    struct worker **workers;
    unsigned worker_count; /* 0: not begun */
    char *dir;             /* owned; empty: none */
    pthread_mutex_t lock;  /* the phones' memory and the counters, for held_numbers */
    struct held_phone **phones;
    size_t count, room;
    struct strmap by_id;
    size_t under_way;
    bool stopping;
    bool on;                          /* phones are checked; under the lock */
    bool memory_lost;                 /* some of the file could not be read */
    bool news_to_save, times_to_save; /* what is not on the disk yet */
    uint64_t saved_ms;
    uint64_t lost[HARDEN_STEPS], mended[HARDEN_STEPS], answered, unanswered, cancelled;
};

/* The phone of this id, made where there is none. Under the lock, once others may ask. */
struct held_phone *held_add(struct held *h, struct str id);

void held_load(struct held *h);
void held_save(struct held *h);
/* Loop time plus epoch at which something is to be saved; UINT64_MAX: nothing is. */
uint64_t held_save_due(const struct held *h);
void held_save_in_time(struct held *h, uint64_t now_ms);

#endif
