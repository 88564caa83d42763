#include "policy/harden/about.h"

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Blanks, tags and &nbsp; from `at` on. */
static size_t skip_between(struct str page, size_t at) {
    size_t end = at + ABOUT_BETWEEN_MAX;
    while (at < page.len && at < end) {
        struct str rest = str_part(page, at, page.len);
        if (is_blank(rest.ptr[0]))
            at++;
        else if (str_starts_with(rest, STR("&nbsp;")))
            at += 6;
        else if (rest.ptr[0] == '<')
            at += str_find(rest, '>', 0) + 1;
        else
            return at;
    }
    return page.len;
}

static bool is_of_model(char c) {
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '_' || c == '-';
}

static bool is_of_firmware(char c) {
    return is_of_model(c) || c == '.' || c == ' ';
}

static bool is_of_mac(char c) {
    return ascii_is_hex(c) || c == ':' || c == '-';
}

/* What the page ends a value with. */
static bool is_end(char c) {
    return c == '<' || c == '\r' || c == '\n' || c == '\t' || c == ' ';
}

static struct str take(struct str page, size_t at, bool (*is_of)(char), size_t longest) {
    size_t end = at;
    while (end < page.len && is_of(page.ptr[end])) end++;
    if (end < page.len && !is_end(page.ptr[end])) return STR_NONE;
    struct str value = str_trim(str_part(page, at, end - at));
    return value.len <= longest ? value : STR_NONE;
}

/* The first value behind `label` that looks like one. */
static struct str behind(struct str page, struct str label, bool (*is_of)(char), size_t longest) {
    struct str value = STR_NONE;
    if (label.len == 0) return value;
    for (size_t at = 0; value.len == 0 && at + label.len <= page.len; at++) {
        if (ascii_lower(page.ptr[at]) != ascii_lower(label.ptr[0])) continue;
        struct str rest = str_part(page, at, page.len);
        if (!str_starts_with_icase(rest, label)) continue;
        value = take(page, skip_between(page, at + label.len), is_of, longest);
    }
    return value;
}

static bool is_mac(struct str text) {
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) digits += ascii_is_hex(text.ptr[i]) ? 1 : 0;
    return digits == ABOUT_MAC_DIGITS;
}

static struct str without_snom(struct str model) {
    return str_starts_with_icase(model, STR("snom")) ? str_part(model, 4, model.len) : model;
}

void about_read(struct str page, const struct about_labels *labels, struct about *about) {
    about->model = without_snom(behind(page, labels->model, is_of_model, ABOUT_MODEL_MAX));
    about->firmware = behind(page, labels->firmware, is_of_firmware, ABOUT_FIRMWARE_MAX);
    about->mac = behind(page, labels->mac, is_of_mac, ABOUT_MAC_DIGITS + 5);
    if (!is_mac(about->mac)) about->mac = STR_NONE;
    bool named = str_starts_with_icase(about->firmware, STR("snom"));
    size_t dash = str_find(about->firmware, '-', 0);
    if (about->model.len == 0 && named && dash < about->firmware.len)
        about->model = str_part(about->firmware, 4, dash - 4);
}

bool about_same_model(struct str seen, struct str wanted) {
    return str_equal_icase(without_snom(seen), without_snom(wanted));
}

static bool may_share(const struct about_key *key) {
    bool known = key->model.len > 0 || key->seen_model.len > 0, shared = false;
    for (size_t i = 0; i < key->shared_model_count; i++) {
        struct str model = key->shared_models[i];
        shared |= about_same_model(key->model, model) || about_same_model(key->seen_model, model);
    }
    return shared || (!known && key->shared_model_count > 0);
}

bool about_is_this_phone(const struct about_key *key) {
    return !may_share(key) || (key->mac.len > 0 && str_equal(key->mac, key->seen_mac));
}
