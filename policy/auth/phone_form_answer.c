#include <string.h>

#include "policy/auth/phone_form.h"
#include "policy/auth/phone_form_parts.h"
#include "policy/auth/phone_form_read.h"
#include "policy/base/bytes.h"

static bool has_text(struct str text, struct str wanted) {
    return wanted.len > 0 && wanted.len <= text.len &&
           memmem(text.ptr, text.len, wanted.ptr, wanted.len) != NULL;
}

/* ---- heads ---- */

static struct str field_of(const struct header *headers, size_t count, struct str name) {
    for (size_t i = 0; i < count; i++)
        if (str_equal_icase(headers[i].name, name)) return headers[i].value;
    return STR_NONE;
}

static bool is_redirection(unsigned status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The path of a Location, with or without scheme, host, query and leading slash. */
static bool leads_to(const struct header *headers, size_t count, const struct str *paths,
                     size_t path_count) {
    struct str url = field_of(headers, count, STR("Location"));
    if (str_starts_with_icase(url, STR("https:"))) url = str_part(url, 6, url.len);
    if (str_starts_with_icase(url, STR("http:"))) url = str_part(url, 5, url.len);
    if (str_starts_with(url, STR("//"))) url = str_part(url, str_find(url, '/', 2), url.len);
    url = str_part(url, 0, str_find(url, '?', 0));
    url = str_part(url, 0, str_find(url, '#', 0));
    bool rooted = url.len > 0 && url.ptr[0] == '/';
    for (size_t i = 0; i < path_count; i++) {
        struct str path = rooted ? paths[i] : str_part(paths[i], 1, paths[i].len);
        if (url.len > 0 && str_equal(url, path)) return true;
    }
    return false;
}

static bool is_kept(const struct phone_form *form, struct str name) {
    for (size_t i = 0; i < form->cookie_count; i++)
        if (str_equal(form->cookies[i], name)) return true;
    return form->cookie_count == 0;
}

bool phone_form_cookies(const struct phone_form *form, const struct header *headers, size_t count,
                        struct phone_form_jar *jar) {
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        struct str name, value;
        if (!str_equal_icase(headers[i].name, STR("Set-Cookie"))) continue;
        if (!phone_form_jar_read(headers[i].value, &name, &value) || !is_kept(form, name)) continue;
        all = phone_form_jar_put(jar, name, value) && all;
    }
    return all;
}

enum phone_form_verdict phone_form_head(const struct phone_form *form,
                                        const struct phone_form_step *step, unsigned status,
                                        const struct header *headers, size_t count,
                                        struct phone_form_run *run) {
    if (step->location_count > 0) {
        if (!is_redirection(status)) return PHONE_FORM_STATUS;
        if (!leads_to(headers, count, step->locations, step->location_count))
            return PHONE_FORM_LOCATION;
    } else if (status != step->status) {
        return PHONE_FORM_STATUS;
    }
    return phone_form_cookies(form, headers, count, &run->jar) ? PHONE_FORM_OK
                                                               : PHONE_FORM_COOKIE_LIMITS;
}

bool phone_form_head_is_out(const struct phone_form *form, unsigned status,
                            const struct header *headers, size_t count) {
    const struct phone_form_signs *out = &form->logged_out;
    if (status == 401 || status == out->status) return true;
    return is_redirection(status) && leads_to(headers, count, out->locations, out->location_count);
}

/* ---- texts ---- */

bool phone_form_reads_text(const struct phone_form *form, const struct header *headers,
                           size_t count) {
    /* Scripts and style sheets may well speak of the login: they are no pages. */
    static const char *const never[] = {"image/",
                                        "audio/",
                                        "video/",
                                        "font/",
                                        "text/css",
                                        "text/javascript",
                                        "application/javascript",
                                        "application/x-javascript"};
    if (form->logged_out.text_count == 0) return false;
    struct str type = field_of(headers, count, STR("Content-Type"));
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (str_starts_with_icase(type, str_of(never[i]))) return false;
    return true;
}

bool phone_form_text_is_out(const struct phone_form *form, struct str text) {
    for (size_t i = 0; i < form->logged_out.text_count; i++)
        if (has_text(text, form->logged_out.texts[i])) return true;
    return false;
}

static enum phone_form_found look(const struct phone_form_take *take, struct str text,
                                  const struct phone_form_run *run, struct str *value) {
    enum phone_form_found found = PHONE_FORM_ABSENT;
    if (take->field.len > 0) found = phone_form_read_field(text, take->field, value);
    if (found == PHONE_FORM_ABSENT && take->json.len > 0)
        found = phone_form_read_json(text, take->json, value);
    if (found == PHONE_FORM_ABSENT && take->cookie.len > 0) {
        *value = phone_form_jar_get(&run->jar, take->cookie);
        if (value->ptr != NULL) found = PHONE_FORM_FOUND;
    }
    return found;
}

static enum phone_form_verdict take_one(const struct phone_form_take *take, struct str text,
                                        struct phone_form_run *run) {
    struct str value = STR_NONE;
    switch (look(take, text, run, &value)) {
    case PHONE_FORM_ABSENT:
        return PHONE_FORM_NO_VALUE;
    case PHONE_FORM_AMBIGUOUS:
        return PHONE_FORM_VALUES_DIFFER;
    case PHONE_FORM_FOUND:
        break;
    }
    if (!phone_form_value_is_plain(value, PHONE_FORM_VALUE_BYTES)) return PHONE_FORM_NO_VALUE;
    if (run->value_count == PHONE_FORM_VALUES) return PHONE_FORM_NO_VALUE;
    run->values[run->value_count].name = take->name;
    run->values[run->value_count].len = value.len;
    memcpy(run->values[run->value_count].text, value.ptr, value.len);
    run->value_count++;
    return PHONE_FORM_OK;
}

enum phone_form_verdict phone_form_page(const struct phone_form *form,
                                        const struct phone_form_step *step,
                                        const struct phone_form_account *account, struct str text,
                                        struct phone_form_run *run) {
    if (has_text(text, step->refused)) return PHONE_FORM_REFUSED;
    if (step->accepted.len > 0 && !has_text(text, step->accepted)) return PHONE_FORM_NOT_ACCEPTED;
    for (size_t i = 0; i < step->take_count; i++) {
        enum phone_form_verdict verdict = take_one(&step->takes[i], text, run);
        if (verdict != PHONE_FORM_OK) return verdict;
    }
    if (!phone_form_make_cookies(step, account, run)) return PHONE_FORM_COOKIE_LIMITS;
    bool last = step + 1 == form->steps + form->step_count;
    return last && run->jar.count == 0 ? PHONE_FORM_NO_COOKIE : PHONE_FORM_OK;
}

const char *phone_form_verdict_str(enum phone_form_verdict verdict) {
    switch (verdict) {
    case PHONE_FORM_OK:
        return "ok";
    case PHONE_FORM_STATUS:
        return "status";
    case PHONE_FORM_LOCATION:
        return "location";
    case PHONE_FORM_REFUSED:
        return "refused";
    case PHONE_FORM_NOT_ACCEPTED:
        return "not_accepted";
    case PHONE_FORM_NO_VALUE:
        return "no_value";
    case PHONE_FORM_VALUES_DIFFER:
        return "values_differ";
    case PHONE_FORM_COOKIE_LIMITS:
        return "cookie_limits";
    case PHONE_FORM_NO_COOKIE:
        return "no_cookie";
    }
    return "unknown";
}
