#include "policy/access/rules_cover.h"

#include "policy/access/rule_param.h"
#include "policy/access/urlpath.h"

#define ALL_METHODS ((1U << METHODS) - 1)

/* ---- patterns ---- */

bool rules_path_is_possible(struct str pattern) {
    static const struct str never[] = {{"?", 1},  {"#", 1},   {";", 1},    {"\\", 1},
                                       {"//", 2}, {"/./", 3}, {"/../", 4}, {"\x7f", 1}};
    for (size_t i = 0; i < pattern.len; i++) {
        struct str rest = str_part(pattern, i, pattern.len);
        if ((unsigned char)rest.ptr[0] < ' ') return false;
        for (size_t k = 0; k < ARRAY_LEN(never); k++)
            if (str_starts_with(rest, never[k])) return false;
        if (rest.len >= 3 && rest.ptr[0] == '%' && ascii_is_hex(rest.ptr[1]) &&
            ascii_is_hex(rest.ptr[2]))
            return false;
    }
    return !str_ends_with(pattern, STR("/.")) && !str_ends_with(pattern, STR("/.."));
}

/* Everything that `inner` covers, `outer` does too. A '*' of `inner` stands for any run, so only a
 * '*' of `outer` can take it: to the matcher it is one more character that no other matches. */
static bool pattern_covers(struct str outer, struct str inner, bool fold) {
    return urlpath_matches(outer, inner, fold);
}

/* ---- parameters ---- */

static bool value_is_in(struct str value, const struct rule_param *list) {
    for (size_t i = 0; i < list->value_count; i++)
        if (pattern_covers(list->values[i], value, true)) return true;
    return false;
}

static bool values_are_in(const struct rule_param *inner, const struct rule_param *outer) {
    for (size_t i = 0; i < inner->value_count; i++)
        if (!value_is_in(inner->values[i], outer)) return false;
    return true;
}

static bool entry_covers(const struct rule_param *outer, const struct rule_param *inner) {
    if (!pattern_covers(outer->name, inner->name, true)) return false;
    if (outer->test == RULE_PARAM_ANY_VALUE) return true;
    if (outer->test != inner->test) return false;
    return outer->test == RULE_PARAM_IS ? values_are_in(inner, outer) : values_are_in(outer, inner);
}

static bool list_covers(const struct rule *outer, const struct rule *inner) {
    for (size_t i = 0; i < inner->param_count; i++) {
        size_t k = 0;
        while (k < outer->param_count &&
               !entry_covers(&outer->parameters[k], &inner->parameters[i]))
            k++;
        if (k == outer->param_count) return false;
    }
    return true;
}

/* Whatever parameters and body let `later` match, `earlier` matches as well (table in rules.h). */
static bool parameters_cover(const struct rule *earlier, const struct rule *later) {
    bool always = earlier->params == RULE_PARAMS_ANY ||
                  (!earlier->allow && earlier->params == RULE_PARAMS_ABSENT);
    if (always) return true;
    if (earlier->allow) {
        if (!later->allow || later->params == RULE_PARAMS_ANY) return false;
        if (later->params == RULE_PARAMS_ABSENT) return true; /* nothing there: all are listed */
        return earlier->params == RULE_PARAMS_LISTED && list_covers(earlier, later);
    }
    return !later->allow && later->params == RULE_PARAMS_LISTED && list_covers(earlier, later);
}

/* ---- rules ---- */

/* A refusal that an exception lifts leaves the request to the next rule, unless the same exception
 * lifts that one too. */
static bool stays(const struct rule *earlier, const struct rule *later) {
    if (earlier->allow || earlier->class.len == 0) return true;
    return !later->allow && str_equal(earlier->class, later->class);
}

static bool is_for_role(const struct rule *rule, struct str role) {
    for (size_t i = 0; i < rule->role_count; i++)
        if (str_equal(rule->roles[i], role)) return true;
    return rule->role_count == 0;
}

static bool covers_path(const struct rule *earlier, struct str path, bool fold) {
    for (size_t i = 0; i < earlier->path_count; i++)
        if (pattern_covers(earlier->paths[i], path, fold)) return true;
    return false;
}

struct coverage {
    const struct profile *profile;
    size_t index;
    const struct rule *by;
    bool alone;
};

/* One role and one path of the rule: are all its methods taken? */
static bool is_taken(struct coverage *c, struct str role, struct str path) {
    const struct rule *later = &c->profile->rules[c->index];
    uint32_t left = later->methods != 0 ? later->methods : ALL_METHODS;
    for (size_t i = 0; i < c->index && left != 0; i++) {
        const struct rule *earlier = &c->profile->rules[i];
        uint32_t methods = earlier->methods != 0 ? earlier->methods : ALL_METHODS;
        if ((left & methods) == 0 || !is_for_role(earlier, role) || !stays(earlier, later) ||
            !parameters_cover(earlier, later) ||
            !covers_path(earlier, path, c->profile->case_insensitive_paths))
            continue;
        left &= ~methods;
        c->alone = c->by == NULL || (c->alone && c->by == earlier);
        c->by = earlier;
    }
    return left == 0;
}

bool rules_is_covered(const struct profile *profile, size_t index, const struct str *roles,
                      size_t role_count, const struct rule **by, bool *alone) {
    const struct rule *rule = &profile->rules[index];
    struct coverage c = {.profile = profile, .index = index};
    if (rule->role_count > 0) {
        roles = rule->roles;
        role_count = rule->role_count;
    }
    for (size_t r = 0; r < role_count; r++) {
        for (size_t p = 0; p < rule->path_count; p++) {
            bool possible = rules_path_is_possible(rule->paths[p]);
            if (possible && !is_taken(&c, roles[r], rule->paths[p])) return false;
        }
    }
    *by = c.by;
    *alone = c.alone;
    return c.by != NULL;
}
