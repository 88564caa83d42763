#include <string.h>

#include "policy/base/bytes.h"
#include "proxy/harden/probe_parts.h"

/* ---- the end ---- */

static void bury(struct grave *grave) {
    struct probe *p = container_of(grave, struct probe, grave);
    p->worker->live--;
    if (p->text != NULL) bytes_wipe(p->text, p->text_len);
    free(p->text);
    arena_wipe(&p->arena);
    arena_release(&p->arena);
    config_release(p->config);
    phone_release(p->phone);
    free(p);
}

void probe_trouble(struct probe *p, const char *reason) {
    if (p->result.trouble == NULL) p->result.trouble = reason;
}

void probe_give_slot(struct probe *p) {
    if (p->has_slot) phone_slot_give(p->phone, &p->waiter);
    p->has_slot = false;
}

/* Nobody asks there again: what is still being read for nobody is not kept when it is through, or
 * the program would wait for it at its end. */
static void leave_side(struct probe *p) {
    if (p->side == NULL) return;
    atomic_store(&p->side->retired, true);
    phone_conn_close_idle(p->worker, p->side);
    phone_release(p->side);
    p->side = NULL;
}

void probe_finish(struct probe *p) {
    p->over = true;
    probe_give_slot(p);
    leave_side(p);
    timed_stop(&p->timed);
    worker_bury(p->worker, &p->grave);
    if (p->done != NULL) p->done(p->user, &p->result);
}

void probe_finish_soon(struct probe *p) {
    p->timed.deadline_ms = worker_now(p->worker);
}

/* ---- side doors ---- */

/* The Host of another port. */
static struct str authority_of(struct str host, uint16_t port, char *memory, size_t room) {
    struct outbuf out;
    outbuf_init(&out, memory, room);
    bool bare = str_find(host, ':', 0) < host.len; /* an IPv6 address */
    if (bare) outbuf_char(&out, '[');
    outbuf_put(&out, host);
    if (bare) outbuf_char(&out, ']');
    if (port != 80) {
        outbuf_char(&out, ':');
        outbuf_u64(&out, port);
    }
    return out.full ? STR_NONE : outbuf_str(&out);
}

static struct phone *side_phone(const struct probe *p, enum probe_door door, uint16_t port) {
    const struct phone_tls_settings any = {.verify_none = true, .any_version = true};
    struct config_phone cfg = *p->cfg;
    char error[256], memory[320];
    struct phone_tls *tls = NULL;
    cfg.login_required = false;
    cfg.login = cfg.admin_login = (struct config_account){.user = STR_NONE};
    cfg.tls = cfg.tls && door == PROBE_OPEN;
    if (door == PROBE_CLEAR) {
        cfg.port = port;
        cfg.authority = authority_of(cfg.host, port, memory, sizeof(memory));
        if (cfg.authority.len == 0) return NULL;
    }
    if (door == PROBE_OLD_TLS) {
        tls = phone_tls_new(&any, error, sizeof(error));
        if (tls == NULL) return NULL;
    }
    struct phone *side = phone_new(&cfg, 1, error, sizeof(error));
    if (side != NULL && tls != NULL)
        side->tls = tls;
    else
        phone_tls_free(tls);
    return side;
}

bool probe_side(struct probe *p, enum probe_door door, uint16_t port) {
    leave_side(p);
    p->side = side_phone(p, door, port);
    return p->side != NULL;
}

/* ---- the beginning ---- */

static void on_slot(struct phone_waiter *waiter) {
    struct probe *p = container_of(waiter, struct probe, waiter);
    p->has_slot = true;
    p->waits = false;
    p->timed.deadline_ms = 0;
    if (p->done == NULL)
        probe_finish(p);
    else
        p->next(p);
}

static void on_expired(struct timed *timed) {
    struct probe *p = container_of(timed, struct probe, timed);
    /* A call that is on its way goes on where it arrives. */
    if (p->waits && !phone_slot_leave(p->phone, &p->waiter)) return;
    if (p->waits) probe_trouble(p, "phone_queue_timeout");
    p->waits = false;
    probe_finish(p);
}

static void take_slot(struct probe *p) {
    p->waiter.worker = p->worker;
    p->waiter.called = on_slot;
    p->waiter.person = FETCH_PERSON;
    p->waiter.background = p->options.background;
    switch (phone_slot_take(p->phone, &p->waiter)) {
    case SLOT_GRANTED:
        p->has_slot = true;
        p->next(p);
        return;
    case SLOT_QUEUED:
        p->waits = true;
        p->timed.deadline_ms = worker_now(p->worker) + p->options.timeouts.queue_ms;
        return;
    case SLOT_FULL:
        probe_trouble(p, "phone_queue_full");
        probe_finish_soon(p);
        return;
    }
}

/* In the background nobody waits for more than one look at one port. */
void probe_go_on(struct probe *p, void (*next)(struct probe *p)) {
    p->next = next;
    if (!p->options.background) {
        next(p);
        return;
    }
    probe_give_slot(p);
    take_slot(p);
}

struct probe *probe_start(struct worker *w, const struct probe_target *target,
                          const struct probe_options *options, probe_done *done, void *user) {
    struct probe *p = calloc(1, sizeof(*p));
    ENSURE(p != NULL);
    p->grave.bury = bury;
    p->worker = w;
    p->config = config_hold(target->config);
    p->cfg = &target->config->phones[target->index];
    p->phone = phone_hold(target->phone);
    p->options = *options;
    p->done = done;
    p->user = user;
    arena_init(&p->arena, DUMP_ARENA);
    p->result.facts.wui_off_wanted = !p->cfg->wui;
    p->result.facts.allow_plain_http = !p->cfg->tls;
    p->result.facts.no_login_allowed =
        !p->cfg->login_required && p->cfg->policy->profile->login != PHONE_LOGIN_NONE;
    p->result.facts.expected = p->cfg->expected;
    p->result.facts.expected_count = p->cfg->expected_count;
    w->live++;
    timed_start(w, &p->timed, on_expired);
    p->next = probe_look;
    take_slot(p);
    return p;
}

void probe_cancel(struct probe *p) {
    p->done = NULL;
    if (p->over) return;
    if (p->look != NULL) look_cancel(p->look);
    if (p->fetch != NULL) fetch_cancel(p->fetch);
    p->look = NULL;
    p->fetch = NULL;
    /* A call that is on its way finds nobody to tell, and ends. */
    if (p->waits && !phone_slot_leave(p->phone, &p->waiter)) return;
    p->waits = false;
    probe_finish(p);
}
