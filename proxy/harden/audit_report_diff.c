/* What changed between two reports. */
#include <string.h>

#include "proxy/harden/audit_report_parts.h"

json_t *audit_report_read(const char *file, char *error, size_t error_len) {
    json_error_t why;
    FILE *from = fopen(file, "re");
    if (from == NULL) {
        snprintf(error, error_len, "%s cannot be read", file);
        return NULL;
    }
    (void)fseek(from, 0, SEEK_END);
    long size = ftell(from);
    rewind(from);
    bool fits = size >= 0 && (size_t)size <= AUDIT_REPORT_MAX;
    json_t *report = fits ? json_loadf(from, JSON_REJECT_DUPLICATES, &why) : NULL;
    (void)fclose(from);
    bool ours = report != NULL && report_is(report, "format", AUDIT_REPORT_FORMAT) &&
                json_is_array(json_object_get(report, "phones"));
    if (ours) return report;
    snprintf(error, error_len, "%s is no report of phonegate audit --format json (%s)", file,
             AUDIT_REPORT_FORMAT);
    json_decref(report);
    return NULL;
}

/* Phones by id, findings by step and name: a setting may be judged in two steps. */
static json_t *by_id(const json_t *report) {
    json_t *map = json_object(), *phone;
    size_t i;
    json_array_foreach(json_object_get(report, "phones"), i, phone) {
        json_object_set(map, report_text(phone, "id"), phone);
    }
    return map;
}

static json_t *by_key(const json_t *phone) {
    json_t *map = json_object(), *finding;
    size_t i;
    json_array_foreach(json_object_get(phone, "findings"), i, finding) {
        char key[256];
        snprintf(key, sizeof(key), "%s %s", report_text(finding, "step"),
                 report_text(finding, "name"));
        json_object_set(map, key, finding);
    }
    return map;
}

/* NULL: nothing to speak of. */
static const char *change_of(const json_t *was, const json_t *is) {
    int now = is == NULL ? 0 : report_state_rank(report_text(is, "state"));
    int before = was == NULL ? 0 : report_state_rank(report_text(was, "state"));
    if (is == NULL) return before > 0 ? "gone" : NULL;
    if (was == NULL) return now > 0 ? "new" : NULL;
    if (now == 0) return before > 0 ? "mended" : NULL;
    if (now > before) return "worse";
    if (now < before) return "unclear"; /* it failed, and now nobody can say */
    bool graver = report_severity_rank(report_text(is, "severity")) >
                  report_severity_rank(report_text(was, "severity"));
    return graver ? "worse" : NULL;
}

static void note(json_t *list, const json_t *finding, const json_t *was, const char *change) {
    json_t *noted = json_copy((json_t *)(uintptr_t)finding);
    json_object_set_new(noted, "change", json_string(change));
    if (was != NULL && was != finding) json_object_set(noted, "was", json_object_get(was, "seen"));
    json_array_append_new(list, noted);
}

/* The findings of `is` that changed, in their order, then those that are gone. */
static json_t *changed(const json_t *was, const json_t *is) {
    json_t *list = json_array(), *before = by_key(was), *now = by_key(is), *finding;
    const char *key;
    json_object_foreach(now, key, finding) {
        json_t *old = json_object_get(before, key);
        const char *change = change_of(old, finding);
        if (change != NULL) note(list, finding, old, change);
    }
    json_object_foreach(before, key, finding) {
        bool gone = json_object_get(now, key) == NULL;
        if (gone && change_of(finding, NULL) != NULL) note(list, finding, finding, "gone");
    }
    json_decref(before);
    json_decref(now);
    return list;
}

static void keep_changed(json_t *kept, json_t *phone, const json_t *was, const char *whole) {
    json_t *list = changed(was, phone);
    if (json_array_size(list) > 0 || whole != NULL) {
        json_object_set(phone, "findings", list);
        if (whole != NULL) json_object_set_new(phone, "change", json_string(whole));
        json_array_append(kept, phone);
    }
    json_decref(list);
}

/* A phone that is no longer configured: what fell short there is gone with it. */
static void keep_gone(json_t *kept, const json_t *was) {
    json_t *phone = json_copy((json_t *)(uintptr_t)was), *none = json_object();
    json_t *list = changed(was, none);
    json_object_set_new(phone, "findings", list);
    json_object_set_new(phone, "change", json_string("gone"));
    json_object_set_new(phone, "short", json_false());
    json_array_append_new(kept, phone);
    json_decref(none);
}

void audit_report_compare(json_t *report, const json_t *baseline,
                          bool (*known)(void *user, const char *id), void *user) {
    json_t *before = by_id(baseline), *now = by_id(report), *kept = json_array(), *phone;
    const char *id;
    size_t i;
    json_array_foreach(json_object_get(report, "phones"), i, phone) {
        const json_t *was = json_object_get(before, report_text(phone, "id"));
        keep_changed(kept, phone, was, was == NULL ? "new" : NULL);
    }
    json_object_foreach(before, id, phone) {
        if (json_object_get(now, id) == NULL && !known(user, id)) keep_gone(kept, phone);
    }
    json_object_set_new(report, "baseline", json_string(report_text(baseline, "made")));
    json_object_set_new(report, "phones", kept);
    json_decref(before);
    json_decref(now);
}
