#include "policy/access/changes.h"

#include <string.h>

/* Cut to what a record takes. */
static struct str cut(struct str s) {
    return str_part(s, 0, CHANGES_TEXT_MAX);
}

static bool has_name(const struct str *list, size_t count, struct str name) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal_icase(list[i], name)) return true;
    }
    return false;
}

/* Names are copied: what they are slices of may be gone when the record is written. */
static bool add_names(const struct params *params, struct arena *arena, struct changes *c,
                      struct str *names) {
    for (size_t i = 0; i < params->count; i++) {
        struct str name = cut(params->list[i].name);
        if (!params->list[i].plain || has_name(names, c->count, name)) continue;
        if (c->count == CHANGES_MAX) {
            c->more = true;
            return true;
        }
        names[c->count] = arena_copy(arena, name);
        if (names[c->count++].ptr == NULL) return false;
    }
    return true;
}

/* Without the flags of the text form: the bare name is in the list as well (params_add). */
static struct str without_flags(struct str name) {
    while (name.len > 1 && params_has_any(str_part(name, name.len - 1, 1), "&$! ")) name.len--;
    return name;
}

static void look_for_more(const struct params *params, struct changes *c, const struct str *names) {
    for (size_t i = 0; i < params->count && !c->more; i++) {
        c->more = !has_name(names, c->count, cut(without_flags(params->list[i].name)));
    }
}

static struct str name_and_value(const struct param *param, struct arena *arena) {
    struct str name = cut(param->name), value = cut(param->value);
    char *text = arena_alloc(arena, name.len + 1 + value.len);
    if (text == NULL) return STR_NONE;
    if (name.len > 0) memcpy(text, name.ptr, name.len);
    text[name.len] = '=';
    if (value.len > 0) memcpy(text + name.len + 1, value.ptr, value.len);
    return (struct str){text, name.len + 1 + value.len};
}

static bool add_values(const struct profile *profile, const struct params *params,
                       struct arena *arena, struct changes *c, struct str *values) {
    for (size_t i = 0; i < params->count && c->value_count < CHANGES_MAX; i++) {
        const struct param *param = &params->list[i];
        if (!param->plain || param->kind != PARAM_VALUE_TEXT) continue;
        if (!has_name(profile->harmless_values, profile->harmless_value_count, param->name)) {
            continue;
        }
        struct str text = name_and_value(param, arena);
        if (text.ptr == NULL) return false;
        if (!has_name(values, c->value_count, text)) values[c->value_count++] = text;
    }
    return true;
}

bool changes_find(const struct profile *profile, const struct rule *rule,
                  const struct rules_question *question, struct arena *arena,
                  struct changes *changes) {
    const struct params *params = question->params;
    *changes = (struct changes){0};
    if (!rule_can_change(rule)) return true;
    if (params->count == 0 && question->body == RULES_BODY_NONE) return true;
    changes->possible = true;
    changes->unseen =
        question->body == RULES_BODY_UNSEEN || question->body == RULES_BODY_UNREADABLE;
    struct str *names = arena_alloc(arena, CHANGES_MAX * sizeof(*names));
    if (names == NULL || !add_names(params, arena, changes, names)) return false;
    changes->names = names;
    look_for_more(params, changes, names);
    if (profile->harmless_value_count == 0) return true;
    struct str *values = arena_alloc(arena, CHANGES_MAX * sizeof(*values));
    changes->values = values;
    return values != NULL && add_values(profile, params, arena, changes, values);
}
