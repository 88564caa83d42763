#include "policy/access/rule_param.h"

#include "policy/access/urlpath.h"

static bool has_star(struct str s) {
    return str_find(s, '*', 0) < s.len;
}

static enum rule_param_verdict parse_values(struct str text, struct arena *arena,
                                            struct rule_param *out) {
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++) count += text.ptr[i] == '|';
    struct str *values = arena_alloc(arena, count * sizeof(*values));
    if (values == NULL) return RULE_PARAM_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        size_t end = str_find(text, '|', 0);
        values[i] = str_trim(str_part(text, 0, end));
        if (values[i].len == 0 && count > 1) return RULE_PARAM_EMPTY_VALUE;
        out->values_are_patterns = out->values_are_patterns || has_star(values[i]);
        text = str_part(text, end + 1, text.len);
    }
    out->values = values;
    out->value_count = count;
    return RULE_PARAM_OK;
}

enum rule_param_verdict rule_param_parse(struct str text, struct arena *arena,
                                         struct rule_param *out) {
    size_t equals = str_find(text, '=', 0);
    bool is_not = equals < text.len && equals > 0 && text.ptr[equals - 1] == '!';
    *out = (struct rule_param){.name = str_trim(str_part(text, 0, is_not ? equals - 1 : equals))};
    if (out->name.len == 0) return RULE_PARAM_NO_NAME;
    out->name_is_pattern = has_star(out->name);
    if (equals == text.len) return RULE_PARAM_OK;
    out->test = is_not ? RULE_PARAM_IS_NOT : RULE_PARAM_IS;
    return parse_values(str_part(text, equals + 1, text.len), arena, out);
}

const char *rule_param_verdict_str(enum rule_param_verdict verdict) {
    switch (verdict) {
    case RULE_PARAM_OK:
        return "ok";
    case RULE_PARAM_NO_NAME:
        return "names no parameter";
    case RULE_PARAM_EMPTY_VALUE:
        return "has an empty value beside \"|\"";
    case RULE_PARAM_NO_MEMORY:
        return "does not fit into memory";
    }
    return "unknown";
}

bool rule_param_names(const struct rule_param *entry, struct str name) {
    return entry->name_is_pattern ? urlpath_matches(entry->name, name, true)
                                  : str_equal_icase(entry->name, name);
}

static bool is_word_char(char c) {
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '_';
}

/* The first or the last word of `name`; all of it where it is one word. */
static struct str word_of(struct str name, bool last) {
    size_t from = 0, to = name.len;
    while (to > from && !is_word_char(name.ptr[to - 1])) to--;
    while (from < to && !is_word_char(name.ptr[from])) from++;
    for (size_t i = from; i < to; i++) {
        if (is_word_char(name.ptr[i])) continue;
        if (!last) return str_part(name, from, i - from);
        from = i + 1;
    }
    return str_part(name, from, to - from);
}

/* Some reader may skip what no name of a setting holds: "?a", "a[]", "settings[a]", "'a'". */
static bool could_name(const struct rule_param *entry, struct str name) {
    return rule_param_names(entry, name) || rule_param_names(entry, word_of(name, false)) ||
           rule_param_names(entry, word_of(name, true));
}

static bool is_listed(const struct rule_param *entry, struct str value) {
    for (size_t i = 0; i < entry->value_count; i++) {
        if (entry->values_are_patterns ? urlpath_matches(entry->values[i], value, true)
                                       : str_equal_icase(entry->values[i], value)) {
            return true;
        }
    }
    return false;
}

bool rule_param_denies(const struct rule_param *entry, const struct param *param) {
    if (!could_name(entry, param->name)) return false;
    if (entry->test == RULE_PARAM_ANY_VALUE) return true;
    switch (param->kind) {
    case PARAM_VALUE_NONE: /* no value is equal to nothing; for others it is the empty value */
        return entry->test == RULE_PARAM_IS_NOT || is_listed(entry, STR(""));
    case PARAM_VALUE_TEXT:
        return is_listed(entry, param->value) == (entry->test == RULE_PARAM_IS);
    case PARAM_VALUE_UNCLEAR:
        return true;
    }
    return true;
}

bool rule_param_allows(const struct rule_param *entry, const struct param *param) {
    if (!rule_param_names(entry, param->name)) return false;
    if (entry->test == RULE_PARAM_ANY_VALUE) return true;
    switch (param->kind) {
    case PARAM_VALUE_NONE:
        return entry->test == RULE_PARAM_IS_NOT && !is_listed(entry, STR(""));
    case PARAM_VALUE_TEXT:
        return is_listed(entry, param->value) == (entry->test == RULE_PARAM_IS);
    case PARAM_VALUE_UNCLEAR:
        return false;
    }
    return false;
}
