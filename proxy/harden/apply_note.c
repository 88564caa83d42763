/* Records of what was done to a phone: names of settings, never their values. */
#include "proxy/harden/apply_parts.h"
#include "proxy/record/event.h"

static struct str action_of(const struct apply *a) {
    static const char *const names[] = {"plan", "apply", "rotate", "wui-off", "recover"};
    return str_of(names[a->request.mode]);
}

static void note(struct apply *a, const char *event, const char *outcome, const char *reason,
                 struct str settings) {
    struct access_log *log = a->request.worker->shared->log;
    const struct event_field more[] = {{"action", action_of(a)}, {"settings", settings}};
    if (log == NULL) return;
    event_write(log, &(struct event){.event = event,
                                     .outcome = outcome,
                                     .reason = reason,
                                     .phone = a->phone->policy->id,
                                     .by_operator = true,
                                     .more = more,
                                     .more_count = ARRAY_LEN(more)});
    access_log_flush(log); /* it stands there before the phone is told */
}

static struct str settings_of(const struct apply *a, struct outbuf *out) {
    for (size_t i = 0; i < a->group_count; i++) {
        if (i > 0) outbuf_char(out, ' ');
        outbuf_put(out, a->plan.changes[a->group[i]].setting);
    }
    return outbuf_str(out);
}

void apply_note_begun(struct apply *a) {
    char text[EVENT_TEXT_MAX];
    struct outbuf out;
    outbuf_init(&out, text, sizeof(text));
    note(a, "phone_change_begun", "allowed", NULL, settings_of(a, &out));
}

/* First of all: a log that fails shows when it is written. */
const char *apply_begin_group(struct apply *a) {
    struct access_log *log = a->request.worker->shared->log;
    apply_note_begun(a);
    return log != NULL && !access_log_healthy(log) ? "record_not_written" : NULL;
}

void apply_note_ended(struct apply *a, const char *reason) {
    char text[EVENT_TEXT_MAX];
    struct outbuf out;
    outbuf_init(&out, text, sizeof(text));
    note(a, "phone_changed", reason == NULL ? "allowed" : "failed", reason, settings_of(a, &out));
}

void apply_note_phone(struct apply *a, const char *event, const char *reason) {
    note(a, event, reason == NULL ? "allowed" : "failed", reason, STR_NONE);
}
