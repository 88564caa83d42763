#include "proxy/harden/held_check.h"

static void at_home(struct message *message) {
    struct held_check *check = container_of(message, struct held_check, message);
    check->back(check);
}

static void send_back(struct held_check *check) {
    check->message.deliver = at_home;
    mailbox_post(check->home, &check->message);
}

static void enlist(struct held_check *check) {
    check->prev = NULL;
    check->next = check->worker->checks;
    if (check->next != NULL) check->next->prev = check;
    check->worker->checks = check;
}

static void strike(struct held_check *check) {
    if (check->prev != NULL)
        check->prev->next = check->next;
    else
        check->worker->checks = check->next;
    if (check->next != NULL) check->next->prev = check->prev;
    check->probe = NULL;
}

/* ---- what was seen ---- */

/* "NAME: SEEN" of each finding that fails. A finding holds no secret, and only printable ASCII. */
static void describe(const struct harden_report *report, unsigned step, char *text, size_t size) {
    struct outbuf out;
    outbuf_init(&out, text, size - 1);
    for (size_t i = 0; i < report->count && !out.full; i++) {
        const struct harden_finding *finding = &report->findings[i];
        if (finding->step != step || finding->state != HARDEN_FAILS) continue;
        size_t before = out.len;
        if (before > 0) outbuf_put(&out, STR("; "));
        outbuf_put(&out, finding->name);
        outbuf_put(&out, STR(": "));
        outbuf_put(&out, finding->seen);
        if (out.full) out.len = before; /* as many as fit */
    }
    text[out.len] = '\0';
}

static void judge(struct held_check *check, const struct harden_facts *facts) {
    const struct profile *profile = check->site->config->phones[check->index].policy->profile;
    struct harden_report report;
    struct arena arena;
    arena_init(&arena, DUMP_ARENA);
    if (harden_judge(profile->harden, profile->harden_count, facts, &arena, &report)) {
        drift_look(&report, facts, &check->view);
        for (unsigned step = 1; step < HARDEN_STEPS; step++)
            describe(&report, step, check->failing[step], sizeof(check->failing[step]));
    } else {
        check->trouble = "no_memory";
    }
    arena_release(&arena);
}

static void on_probed(void *user, const struct probe_result *result) {
    struct held_check *check = user;
    strike(check);
    check->trouble = result->trouble;
    judge(check, &result->facts);
    send_back(check);
}

/* ---- on the worker ---- */

static bool is_wanted(const struct held_check *check) {
    return !check->worker->stopping && !atomic_load(&check->site->phones[check->index]->retired);
}

static void arrive(struct message *message) {
    struct held_check *check = container_of(message, struct held_check, message);
    struct worker *w = check->worker;
    if (!is_wanted(check)) {
        check->cancelled = true;
        send_back(check);
        return;
    }
    struct probe_options options = {
        .background = true,
        .timeouts = fetch_timeouts(&check->site->config->limits),
    };
    if (options.timeouts.queue_ms < HELD_QUEUE_MS) options.timeouts.queue_ms = HELD_QUEUE_MS;
    enlist(check);
    const struct probe_target target = {check->site->config, check->index,
                                        check->site->phones[check->index]};
    check->probe = probe_start(w, &target, &options, on_probed, check);
}

void held_check_post(struct held_check *check) {
    check->message.deliver = arrive;
    mailbox_post(&check->worker->mailbox, &check->message);
}

void held_checks_leave(struct worker *w) {
    struct held_check *next;
    for (struct held_check *check = w->checks; check != NULL; check = next) {
        next = check->next;
        if (is_wanted(check)) continue;
        probe_cancel(check->probe);
        strike(check);
        check->cancelled = true;
        send_back(check);
    }
}
