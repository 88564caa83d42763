#include "proxy/harden/held.h"

#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#include "proxy/base/log.h"
#include "proxy/config/strmap.h"
#include "proxy/harden/held_news.h"
#include "proxy/harden/held_parts.h"
#include "proxy/harden/held_plan.h"

static uint64_t now_ms(const struct held *h) {
    return h->shared->epoch_ms + uv_now(h->loop);
}

static uint64_t wall_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
}

static const struct config_hardening *settings_of(const struct held *h) {
    return &h->site->config->hardening;
}

/* ---- restriction ---- */

/* Nobody looks at a phone whose profile does not say what is wanted, so nothing would ever lift it.
 */
static bool is_to_be_restricted(const struct held *h, const struct held_phone *p) {
    const struct config_hardening *settings = settings_of(h);
    return settings->on_drift == HARDENING_RESTRICT && settings->check_every_ms > 0 && p->judged &&
           drift_restricts(&p->memory.drift);
}

/* The flag is set before the record is read by anybody, and lifted behind it. */
static void apply_restriction(struct held *h, struct held_phone *p, const char *lifted_by) {
    bool restricted = is_to_be_restricted(h, p), before = p->memory.restricted;
    atomic_store(&h->site->restricted[p->index], restricted);
    if (restricted == before) return;
    bool lost = false;
    for (unsigned step = 1; step <= HARDEN_STEP_MAX; step++)
        lost |= drift_is_lost(p->memory.drift.steps[step]);
    held_news_restriction(h->shared->log, &h->site->config->phones[p->index], restricted,
                          !restricted ? lifted_by
                          : lost      ? "hardening_lost"
                                      : "hardening_unknown");
    pthread_mutex_lock(&h->lock);
    p->memory.restricted = restricted;
    pthread_mutex_unlock(&h->lock);
    h->news_to_save = true;
}

/* ---- checks ---- */

static void on_back(struct held_check *check);

static void begin_check(struct held *h, struct held_phone *p) {
    struct held_check *check = calloc(1, sizeof(*check));
    ENSURE(check != NULL);
    check->home = &h->mailbox;
    check->back = on_back;
    check->user = p;
    check->held = h;
    check->worker = h->workers[p->index % h->worker_count];
    check->site = site_hold(h->site);
    check->index = p->index;
    p->check = check;
    h->under_way++;
    held_check_post(check);
}

/* The one that waits longest, and when it is due; NULL: none waits. */
static struct held_phone *first_due(const struct held *h) {
    struct held_phone *first = NULL;
    for (size_t i = 0; i < h->count; i++) {
        struct held_phone *p = h->phones[i];
        if (!p->listed || p->check != NULL) continue;
        if (first == NULL || p->due_ms < first->due_ms) first = p;
    }
    return first;
}

static void on_timer(uv_timer_t *timer);

/* When the next one is due; UINT64_MAX where none is, or as many as may are under way. */
static uint64_t begin_due(struct held *h, uint64_t now) {
    if (settings_of(h)->check_every_ms == 0) return UINT64_MAX;
    while (h->under_way < settings_of(h)->parallel) {
        struct held_phone *p = first_due(h);
        if (p == NULL) return UINT64_MAX;
        if (p->due_ms > now) return p->due_ms;
        begin_check(h, p);
    }
    return UINT64_MAX;
}

/* Begin what is due, and wake up for what comes next. */
static void pump(struct held *h) {
    if (h->worker_count == 0 || h->stopping) return;
    uint64_t now = now_ms(h), wake = held_save_due(h);
    uint64_t next = begin_due(h, now);
    if (next < wake) wake = next;
    if (wake == UINT64_MAX)
        uv_timer_stop(&h->timer);
    else
        uv_timer_start(&h->timer, on_timer, wake > now ? wake - now : 0, 0);
}

static void on_timer(uv_timer_t *timer) {
    struct held *h = timer->data;
    held_save_in_time(h, now_ms(h));
    pump(h);
}

/* ---- what came of one ---- */

static bool answered(const struct drift_view *view) {
    for (unsigned step = 1; step < HARDEN_STEPS; step++)
        if (view->steps[step] != DRIFT_SEEN_NOTHING) return true;
    return false;
}

/* One odd answer is no drift, and keeps nobody out: what a look says was lost is looked at once
 * more, soon, before anybody is told. */
static bool is_doubtful(const struct held_phone *p, const struct held_check *check) {
    struct drift tried = p->memory.drift;
    struct drift_news news;
    if (p->doubted) return false;
    drift_note(&tried, &check->view, &news);
    for (unsigned step = 1; step < HARDEN_STEPS; step++)
        if (news.lost[step]) return true;
    return false;
}

static void take_in(struct held *h, struct held_phone *p, const struct held_check *check) {
    struct drift_news news;
    struct held_memory before = p->memory;
    pthread_mutex_lock(&h->lock);
    p->memory.tried_s = wall_s();
    if (answered(&check->view)) p->memory.answered_s = p->memory.tried_s;
    held_trouble_set(&p->memory, check->trouble);
    drift_note(&p->memory.drift, &check->view, &news);
    for (unsigned step = 1; step < HARDEN_STEPS; step++) {
        h->lost[step] += news.lost[step];
        h->mended[step] += news.mended[step];
    }
    if (answered(&check->view))
        h->answered++;
    else
        h->unanswered++;
    pthread_mutex_unlock(&h->lock);
    h->times_to_save = true;
    if (memcmp(&before.drift, &p->memory.drift, sizeof(before.drift)) != 0 ||
        strcmp(before.trouble, p->memory.trouble) != 0)
        h->news_to_save = true;
    held_news_trouble(h->shared->log, check, before.trouble, p->memory.trouble);
    held_news_drift(h->shared->log, check, &news);
    apply_restriction(h, p, "mended");
    access_log_flush(h->shared->log);
}

/* The phone of its site is the one we know by this id now. */
static bool is_current(const struct held *h, const struct held_phone *p,
                       const struct held_check *check) {
    return !check->cancelled && p->listed &&
           check->site->phones[check->index] == h->site->phones[p->index];
}

static void on_back(struct held_check *check) {
    struct held_phone *p = check->user;
    struct held *h = check->held;
    uint64_t every = p->judged ? settings_of(h)->check_every_ms : 0;
    p->check = NULL;
    p->due_ms = UINT64_MAX;
    h->under_way--;
    if (!is_current(h, p, check)) {
        pthread_mutex_lock(&h->lock);
        h->cancelled++;
        pthread_mutex_unlock(&h->lock);
        if (every > 0) p->due_ms = held_plan_soon(now_ms(h), every, p->phase);
    } else if (is_doubtful(p, check)) {
        p->doubted = true;
        if (every > 0) p->due_ms = held_plan_confirm(now_ms(h), every);
    } else {
        p->doubted = false;
        take_in(h, p, check);
        if (every > 0) p->due_ms = held_plan_next(now_ms(h), every, p->phase);
    }
    site_release(check->site);
    free(check);
    pump(h);
}

/* ---- phones come and go ---- */

static struct held_phone *find(struct held *h, struct str id) {
    size_t at;
    return strmap_find(&h->by_id, id, &at) ? h->phones[at] : NULL;
}

struct held_phone *held_add(struct held *h, struct str id) {
    size_t old;
    struct held_phone *p = find(h, id);
    if (p != NULL) return p;
    p = calloc(1, sizeof(*p));
    ENSURE(p != NULL && id.len <= HELD_ID_MAX);
    memcpy(p->memory.id, id.ptr, id.len);
    ENSURE(RAND_bytes((unsigned char *)&p->phase, sizeof(p->phase)) == 1);
    if (h->count == h->room) {
        h->room = h->room == 0 ? 64 : 2 * h->room;
        h->phones = realloc(h->phones, h->room * sizeof(struct held_phone *));
        ENSURE(h->phones != NULL);
    }
    h->phones[h->count] = p;
    ENSURE(strmap_add(&h->by_id, str_of(p->memory.id), h->count, &old));
    h->count++;
    return p;
}

/* A password that was changed while the gate, or who changed it, went down: nobody knows which one
 * the phone took. The look's own login finds out, before a person comes. */
static bool has_candidate(const struct held *h, const struct held_phone *p) {
    const struct config_phone *phone = &h->site->config->phones[p->index];
    return phone->login.candidate.len > 0 || phone->admin_login.candidate.len > 0;
}

static void plan(struct held *h, struct held_phone *p, bool is_new) {
    uint64_t every = settings_of(h)->check_every_ms, now = now_ms(h), seconds = wall_s();
    uint64_t tried_s = p->memory.tried_s;
    p->due_ms = UINT64_MAX;
    if (every == 0 || !p->judged) return;
    if (has_candidate(h, p))
        p->due_ms = now;
    else if (is_new || tried_s == 0 || tried_s > seconds)
        p->due_ms = held_plan_soon(now, every, p->phase);
    else
        p->due_ms = held_plan_resume(now, (seconds - tried_s) * 1000, every, p->phase);
}

/* Phone `i` of the site, which has replaced `old`. */
static void list_phone(struct held *h, const struct site *old, size_t i) {
    struct str id = h->site->config->policy.phones[i].id;
    struct held_phone *p = find(h, id);
    bool known = p != NULL;
    if (!known) p = held_add(h, id);
    if (!known && h->memory_lost) drift_forget(&p->memory.drift);
    const struct phone *before = p->listed && old != NULL ? old->phones[p->index] : NULL;
    bool same = before == h->site->phones[i];
    bool same_interval =
        old != NULL && old->config->hardening.check_every_ms == settings_of(h)->check_every_ms;
    bool judged = h->site->config->policy.phones[i].profile->harden_count > 0;
    bool same_list = judged == p->judged;
    p->index = i;
    p->listing = true;
    p->judged = judged;
    /* Another address or password than before: worth a look soon. */
    if (!same || !same_interval || !same_list) plan(h, p, old != NULL && !same);
}

void held_use(struct held *h, struct site *site) {
    struct site *old = h->site;
    uv_update_time(h->loop);
    h->site = site_hold(site);
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < site->config->policy.phone_count; i++) list_phone(h, old, i);
    for (size_t i = 0; i < h->count; i++) {
        h->phones[i]->listed = h->phones[i]->listing;
        h->phones[i]->listing = false;
    }
    h->memory_lost = false;
    h->on = settings_of(h)->check_every_ms > 0;
    pthread_mutex_unlock(&h->lock);
    for (size_t i = 0; i < h->count; i++)
        if (h->phones[i]->listed) apply_restriction(h, h->phones[i], "configuration");
    site_release(old);
    pump(h);
}

/* ---- life ---- */

struct held *held_open(uv_loop_t *loop, struct shared *shared, struct str state_dir) {
    struct held *h = calloc(1, sizeof(*h));
    uint64_t key[2];
    ENSURE(h != NULL && RAND_bytes((unsigned char *)key, sizeof(key)) == 1);
    h->loop = loop;
    h->shared = shared;
    h->dir = strndup(state_dir.len > 0 ? state_dir.ptr : "", state_dir.len);
    ENSURE(h->dir != NULL);
    pthread_mutex_init(&h->lock, NULL);
    strmap_init(&h->by_id, key);
    mailbox_init(&h->mailbox, loop);
    /* Signals keep the loop alive, not we. */
    uv_unref((uv_handle_t *)&h->mailbox.async);
    h->timer.data = h;
    uv_timer_init(loop, &h->timer);
    uv_unref((uv_handle_t *)&h->timer);
    held_load(h);
    return h;
}

void held_begin(struct held *h, struct worker *const *workers, unsigned count) {
    h->workers = calloc(count, sizeof(struct worker *));
    ENSURE(h->workers != NULL && count > 0);
    memcpy(h->workers, workers, count * sizeof(struct worker *));
    h->worker_count = count;
    pump(h);
}

void held_stop(struct held *h) {
    h->stopping = true;
    uv_timer_stop(&h->timer);
}

void held_free(struct held *h) {
    if (h == NULL) return;
    held_stop(h);
    /* What the workers sent when they ended. */
    uv_ref((uv_handle_t *)&h->mailbox.async);
    uv_run(h->loop, UV_RUN_NOWAIT);
    ENSURE(h->under_way == 0);
    mailbox_close(&h->mailbox);
    uv_close((uv_handle_t *)&h->timer, NULL);
    uv_run(h->loop, UV_RUN_DEFAULT);
    held_save(h);
    for (size_t i = 0; i < h->count; i++) free(h->phones[i]);
    free(h->phones);
    strmap_free(&h->by_id);
    site_release(h->site);
    pthread_mutex_destroy(&h->lock);
    free(h->workers);
    free(h->dir);
    free(h);
}
