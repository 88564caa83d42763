#include "proxy/harden/audit_report.h"

#include <string.h>
#include <time.h>

#include "proxy/harden/audit.h"
#include "proxy/harden/audit_report_parts.h"

/* ---- building ---- */

static json_t *text(struct str s) {
    json_t *value = s.len == 0 ? json_null() : json_stringn(s.ptr, s.len);
    return value != NULL ? value : json_string("?"); /* not UTF-8 */
}

json_t *audit_report_new(const char *version, struct str policy_version) {
    char now[96];
    struct tm t;
    time_t seconds = time(NULL);
    gmtime_r(&seconds, &t);
    snprintf(now, sizeof(now), "%04d-%02d-%02dT%02d:%02d:%02dZ", t.tm_year + 1900, t.tm_mon + 1,
             t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
    json_t *report = json_object();
    json_object_set_new(report, "format", json_string(AUDIT_REPORT_FORMAT));
    json_object_set_new(report, "made", json_string(now));
    json_object_set_new(report, "version", json_string(version));
    json_object_set_new(report, "policy_version", text(policy_version));
    json_object_set_new(report, "summary", json_object());
    json_object_set_new(report, "phones", json_array());
    return report;
}

static json_t *finding_json(const struct harden_finding *f) {
    static const char *const about[] = {"setting", "probe", "configuration"};
    json_t *o = json_object();
    json_object_set_new(o, "step", json_string(harden_step_str(f->step)));
    json_object_set_new(o, "name", text(f->name));
    json_object_set_new(o, "about", json_string(about[f->about]));
    json_object_set_new(o, "state", json_string(harden_state_str(f->state)));
    json_object_set_new(o, "severity", json_string(harden_severity_str(f->severity)));
    json_object_set_new(o, "short", json_boolean(audit_falls_short(f)));
    json_object_set_new(o, "seen", text(f->seen));
    json_object_set_new(o, "wanted", text(f->wanted));
    json_object_set_new(o, "place", text(f->rule != NULL ? f->rule->place : STR_NONE));
    json_object_set_new(o, "why", text(f->why));
    json_object_set_new(o, "mend", text(f->mend));
    return o;
}

static json_t *pin_json(const uint8_t *pin) {
    char hex[64];
    struct outbuf out;
    if (pin == NULL) return json_null();
    outbuf_init(&out, hex, sizeof(hex));
    outbuf_hex(&out, pin, 32);
    return json_stringn(hex, out.len);
}

void audit_report_add(json_t *report, const struct audit_subject *s,
                      const struct harden_report *findings) {
    json_t *phone = json_object(), *steps = json_object(), *list = json_array();
    const struct {
        const char *name;
        struct str value;
    } texts[] = {{"id", s->id},           {"name", s->name},
                 {"address", s->address}, {"profile", s->profile},
                 {"model", s->model},     {"firmware", s->firmware},
                 {"mac", s->mac},         {"trouble", str_of(s->trouble)}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        json_object_set_new(phone, texts[i].name, text(texts[i].value));
    json_object_set_new(phone, "order", json_integer((json_int_t)s->order));
    json_object_set_new(phone, "pin_sha256", pin_json(s->pin));
    /* A step of which nothing is known, or whose profile says nothing, does not hold. */
    bool falls_short = false;
    for (unsigned step = 1; step <= HARDEN_STEP_MAX; step++)
        falls_short = falls_short || (findings->steps[step] != HARDEN_HOLDS &&
                                      findings->steps[step] != HARDEN_CLOSED);
    enum harden_severity worst = falls_short ? HARDEN_MEDIUM : HARDEN_NOTE;
    for (size_t i = 0; i < findings->count; i++) {
        const struct harden_finding *f = &findings->findings[i];
        json_array_append_new(list, finding_json(f));
        if (!audit_falls_short(f)) continue;
        falls_short = true;
        if (f->severity > worst) worst = f->severity;
    }
    for (unsigned step = 1; step < HARDEN_STEPS; step++)
        json_object_set_new(steps, harden_step_str(step),
                            json_string(harden_state_str(findings->steps[step])));
    json_object_set_new(phone, "short", json_boolean(falls_short));
    json_object_set_new(phone, "worst",
                        falls_short ? json_string(harden_severity_str(worst)) : json_null());
    json_object_set_new(phone, "steps", steps);
    json_object_set_new(phone, "findings", list);
    json_array_append_new(json_object_get(report, "phones"), phone);
}

/* ---- reading it back ---- */

const char *report_text(const json_t *object, const char *name) {
    const char *value = json_string_value(json_object_get(object, name));
    return value != NULL ? value : "";
}

bool report_is(const json_t *object, const char *name, const char *value) {
    return strcmp(report_text(object, name), value) == 0;
}

bool report_flag(const json_t *object, const char *name) {
    return json_is_true(json_object_get(object, name));
}

size_t report_number(const json_t *object, const char *name) {
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (size_t)value : 0;
}

int report_state_rank(const char *state) {
    bool good = strcmp(state, "holds") == 0 || strcmp(state, "closed") == 0;
    return strcmp(state, "fails") == 0 ? 2 : good ? 0 : 1;
}

int report_severity_rank(const char *severity) {
    static const char *const names[] = {"note", "low", "medium", "high"};
    for (int i = 0; i < (int)ARRAY_LEN(names); i++) {
        if (strcmp(severity, names[i]) == 0) return i;
    }
    return 0;
}

const char *report_meaning(const char *trouble) {
    static const struct {
        const char *trouble, *meaning;
    } meanings[] = {
        {"phone_refused", "Nothing listens at its address: switched off, moved, or starting."},
        {"phone_unreachable", "There is no way to its address."},
        {"phone_connect_timeout", "Its address does not answer."},
        {"phone_closed", "It hangs up without an answer: starting, or locked."},
        {"phone_first_byte_timeout", "It takes requests and stays silent."},
        {"phone_busy", "It says that it is busy: starting, most likely."},
        {"certificate_changed",
         "It shows another certificate than the pinned one; no password was sent."},
        {"certificate_unpinned", "Nobody has confirmed its certificate yet (phonegate pin add)."},
        {"certificate_untrusted", "Its certificate is not of the named authority."},
        {"certificate_of_another", "Its certificate is for another name."},
        {"certificate_expired", "Its certificate has run out."},
        {"certificate_weak", "The key in its certificate is too short."},
        {"certificate_unchecked",
         "The configuration checks no certificate, so no password was sent."},
        {"no_tls", "It is reached in clear text, so no password was sent."},
        {"tls_older", "It speaks nothing newer than TLS 1.1."},
        {"tls_unusable", "Its TLS has no cipher that is fit for use."},
        {"basic_only", "It asks for the password itself (Basic), so none was sent."},
        {"locked_out", "It has locked its web interface after failed logins of somebody."},
        {"login_refused", "It refused the gate's password; it was tried once."},
        {"wrong_model", "Another model answers than the configuration says."},
        {"wrong_mac", "Another device answers than the configuration says."},
        {"settings_forbidden", "The gate's account may not read the settings: give it a service "
                               "account (admin_login)."},
        {"settings_not_found", "It has no page with its settings."},
        {"settings_truncated", "Its page of settings breaks off."},
        {"settings_malformed", "Its page of settings cannot be understood."},
        {"settings_too_long", "Its page of settings is too long."},
    };
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
        if (strcmp(trouble, meanings[i].trouble) == 0) return meanings[i].meaning;
    }
    return "It did not answer as it should.";
}

/* ---- the worst first ---- */

struct ranked {
    json_t *phone;
    int worst;
    size_t failing, unknown; /* findings that fall short */
    size_t place;            /* in the configuration's order */
};

static struct ranked rank(json_t *phone) {
    struct ranked r = {.phone = json_incref(phone), .place = report_number(phone, "order")};
    size_t i;
    json_t *f;
    r.worst =
        report_flag(phone, "short") ? 1 + report_severity_rank(report_text(phone, "worst")) : 0;
    json_array_foreach(json_object_get(phone, "findings"), i, f) {
        if (!report_flag(f, "short")) continue;
        bool fails = report_is(f, "state", "fails");
        bool as_bad = 1 + report_severity_rank(report_text(f, "severity")) == r.worst;
        r.failing += fails && as_bad ? 1000 : fails ? 1 : 0;
        r.unknown += fails ? 0 : 1;
    }
    return r;
}

static int compare(const void *left, const void *right) {
    const struct ranked *a = left, *b = right;
    if (a->worst != b->worst) return a->worst > b->worst ? -1 : 1;
    if (a->failing != b->failing) return a->failing > b->failing ? -1 : 1;
    if (a->unknown != b->unknown) return a->unknown > b->unknown ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

static void sort_phones(json_t *phones) {
    size_t count = json_array_size(phones), i;
    json_t *phone;
    struct ranked *ranked = calloc(count + 1, sizeof(*ranked));
    ENSURE(ranked != NULL);
    json_array_foreach(phones, i, phone) ranked[i] = rank(phone);
    qsort(ranked, count, sizeof(*ranked), compare);
    json_array_clear(phones);
    for (i = 0; i < count; i++) json_array_append_new(phones, ranked[i].phone);
    free(ranked);
}

/* ---- the summary ---- */

bool report_is_closed(const json_t *phone) {
    const char *step;
    json_t *state;
    json_object_foreach(json_object_get(phone, "steps"), step,
                        state) if (strcmp(json_string_value(state), "closed") == 0) return true;
    return false;
}

static void count_up(json_t *object, const char *name) {
    json_object_set_new(object, name, json_integer((json_int_t)report_number(object, name) + 1));
}

static json_t *counters(const char *const *names, size_t count) {
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) json_object_set_new(object, names[i], json_integer(0));
    return object;
}

void audit_report_finish(json_t *report) {
    static const char *const states[] = {"holds", "fails", "unknown", "closed"};
    static const char *const levels[] = {"high", "medium", "low"};
    json_t *phones = json_object_get(report, "phones"), *phone;
    json_t *steps = json_object(), *worst = counters(levels, ARRAY_LEN(levels));
    json_t *trouble = json_object();
    size_t i, short_count = 0, closed = 0;
    for (unsigned step = 1; step < HARDEN_STEPS; step++)
        json_object_set_new(steps, harden_step_str(step), counters(states, ARRAY_LEN(states)));
    json_array_foreach(phones, i, phone) {
        for (unsigned step = 1; step < HARDEN_STEPS; step++) {
            const char *name = harden_step_str(step);
            count_up(json_object_get(steps, name),
                     report_text(json_object_get(phone, "steps"), name));
        }
        closed += report_is_closed(phone);
        if (report_text(phone, "trouble")[0] != '\0')
            count_up(trouble, report_text(phone, "trouble"));
        if (!report_flag(phone, "short")) continue;
        short_count++;
        count_up(worst, report_text(phone, "worst"));
    }
    sort_phones(phones);
    json_t *summary = json_object_get(report, "summary");
    json_object_set_new(summary, "phones", json_integer((json_int_t)json_array_size(phones)));
    json_object_set_new(summary, "short", json_integer((json_int_t)short_count));
    json_object_set_new(summary, "closed", json_integer((json_int_t)closed));
    json_object_set_new(summary, "worst", worst);
    json_object_set_new(summary, "steps", steps);
    json_object_set_new(summary, "trouble", trouble);
}

bool audit_report_is_clean(const json_t *report) {
    return report_number(json_object_get(report, "summary"), "short") == 0;
}

void audit_report_write_json(const json_t *report, FILE *to) {
    (void)json_dumpf(report, to, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    (void)fputc('\n', to);
}
