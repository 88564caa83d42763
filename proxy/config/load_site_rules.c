/* The list "rules" of the main configuration: the site's own, so that nobody edits a profile.
 *
 * In a profile they stand behind the rules at its top that deny and name no role, and before all
 * others. What a profile refuses by class stands before them as well, wherever the profile has it:
 * copied there, for the roles to which the site's rules allow something. So no rule of the site
 * opens what has to be allowed by name. */
#include <string.h>

#include "proxy/config/loader.h"

struct site_rule {
    const struct str *profiles; /* names, or "*" alone */
    size_t profile_count;       /* 0: it has errors */
    struct rule rule;
};

static const struct reader_key profile_key[] = {
    {.name = "profile",
     .type = READER_STR_S,
     .required = true,
     .min = 1,
     .offset = offsetof(struct site_rule, profiles),
     .count_offset = offsetof(struct site_rule, profile_count)},
    {.name = NULL},
};

static bool is_any(const struct str *names, size_t count) {
    return count == 1 && str_equal(names[0], STR("*"));
}

static bool is_for(const struct site_rule *rule, struct str profile) {
    if (is_any(rule->profiles, rule->profile_count)) return true;
    for (size_t i = 0; i < rule->profile_count; i++)
        if (str_equal(rule->profiles[i], profile)) return true;
    return false;
}

/* `used`: how many profiles phones have. */
static void check_profiles(struct loader *l, const config_setting_t *group,
                           const struct site_rule *rule, size_t used) {
    if (is_any(rule->profiles, rule->profile_count)) return;
    for (size_t i = 0; i < rule->profile_count; i++) {
        const config_setting_t *at = reader_at_element(group, "profile", i);
        struct str name = rule->profiles[i];
        bool known;
        size_t index;
        (void)load_profile(l, name, &known);
        if (!known)
            reader_error(&l->reader, at,
                         "unknown profile \"%.80s\": there is no such file in profiles_dir",
                         name.ptr);
        else if (strmap_find(&l->profiles, name, &index) && index >= used)
            reader_warning(&l->reader, at, "no phone has the profile \"%.80s\"", name.ptr);
    }
}

static void check_name(struct loader *l, const config_setting_t *group,
                       const struct site_rule *site) {
    for (size_t i = 0; i < l->profile_count; i++) {
        const struct profile *profile = l->profile_list[i];
        if (profile == NULL || !is_for(site, profile->name)) continue;
        for (size_t k = 0; k < profile->rule_count; k++) {
            const struct rule *rule = &profile->rules[k];
            if (str_equal(rule->name, site->rule.name))
                reader_error(&l->reader, reader_at(group, "name"),
                             "rule \"%.80s\" stands already at %s:%u", rule->name.ptr,
                             rule->file.ptr, rule->line);
        }
    }
}

/* Every role that a loaded profile declares. */
static void declared_roles(struct loader *l, struct rule_scope *scope) {
    size_t count = 0;
    for (size_t i = 0; i < l->profile_count; i++)
        if (l->profile_list[i] != NULL) count += l->profile_list[i]->role_count;
    struct str *roles = reader_alloc(&l->reader, count, sizeof(*roles));
    for (size_t i = 0; i < l->profile_count; i++) {
        const struct profile *profile = l->profile_list[i];
        for (size_t k = 0; profile != NULL && k < profile->role_count; k++)
            roles[scope->role_count++] = profile->roles[k];
    }
    scope->roles = roles;
}

static void load_one(struct loader *l, const config_setting_t *group, size_t used,
                     struct strmap *names, struct site_rule *site) {
    struct reader quiet = l->reader;
    quiet.ignore_unknown = true; /* load_rule reports them */
    struct site_rule draft = {0};
    if (!reader_group(&quiet, group, "rule", profile_key, &draft)) return;
    check_profiles(l, group, &draft, used);
    struct rule_scope scope = {.names = names, .site = true};
    declared_roles(l, &scope);
    load_rule(l, &l->reader, group, &scope, &draft.rule);
    if (draft.rule.name.len == 0) return;
    check_name(l, group, &draft);
    *site = draft;
}

/* ---- into the profiles ---- */

struct site_rules {
    const struct site_rule *list;
    size_t count;
};

/* How many rules at the top of the profile deny and name no role. */
static size_t guards_at_top(const struct profile *profile) {
    size_t count = 0;
    while (count < profile->rule_count && !profile->rules[count].allow &&
           profile->rules[count].role_count == 0)
        count++;
    return count;
}

/* The roles to which the site's rules allow something in this profile. False: nothing is allowed.
 * No role at all stands for every role. */
static bool roles_allowed(struct loader *l, const struct site_rules *site,
                          const struct profile *profile, struct str **roles, size_t *count) {
    bool any = false, every = false;
    size_t most = 0;
    for (size_t i = 0; i < site->count; i++) most += site->list[i].rule.role_count;
    *roles = reader_alloc(&l->reader, most, sizeof(**roles));
    *count = 0;
    for (size_t i = 0; i < site->count; i++) {
        const struct rule *rule = &site->list[i].rule;
        if (!is_for(&site->list[i], profile->name) || !rule->allow) continue;
        any = true;
        every = every || rule->role_count == 0;
        for (size_t k = 0; k < rule->role_count; k++) (*roles)[(*count)++] = rule->roles[k];
    }
    if (every) *count = 0;
    return any;
}

/* What the profile refuses by class behind its top, for the roles that the site allows something.
 */
static size_t copy_guards(struct loader *l, const struct site_rules *site,
                          const struct profile *profile, size_t top, struct rule *to) {
    struct str *roles;
    size_t role_count, copied = 0;
    if (!roles_allowed(l, site, profile, &roles, &role_count)) return 0;
    for (size_t i = top; i < profile->rule_count; i++) {
        if (profile->rules[i].allow || profile->rules[i].class.len == 0) continue;
        to[copied] = profile->rules[i];
        to[copied].roles = roles;
        to[copied++].role_count = role_count;
    }
    return copied;
}

static void lay_into(struct loader *l, const struct site_rules *site, struct profile *profile) {
    size_t mine = 0;
    for (size_t i = 0; i < site->count; i++)
        if (is_for(&site->list[i], profile->name)) mine++;
    if (mine == 0) return;
    size_t top = guards_at_top(profile), count = top;
    struct rule *rules =
        reader_alloc(&l->reader, 2 * profile->rule_count + mine, sizeof(*profile->rules));
    memcpy(rules, profile->rules, top * sizeof(*rules));
    count += copy_guards(l, site, profile, top, rules + count);
    for (size_t i = 0; i < site->count; i++)
        if (is_for(&site->list[i], profile->name)) rules[count++] = site->list[i].rule;
    memcpy(rules + count, profile->rules + top, (profile->rule_count - top) * sizeof(*rules));
    profile->rules = rules;
    profile->rule_count += count - top;
}

void load_site_rules(struct loader *l) {
    const config_setting_t *list = l->snapshot->draft.rules;
    size_t count = list == NULL ? 0 : (size_t)config_setting_length(list), used = l->profile_count;
    struct site_rule *rules = reader_alloc(&l->reader, count, sizeof(*rules));
    struct strmap names;
    strmap_init(&names, l->key);
    for (size_t i = 0; i < count; i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        if (config_setting_is_group(group)) load_one(l, group, used, &names, &rules[i]);
        size_t old; /* a name that stands there twice is reported */
        if (rules[i].rule.name.len > 0)
            (void)!strmap_add(&l->site_rule_names, rules[i].rule.name, i, &old);
    }
    strmap_free(&names);
    const struct site_rules site = {rules, count};
    for (size_t i = 0; i < l->profile_count; i++)
        if (l->profile_list[i] != NULL) lay_into(l, &site, l->profile_list[i]);
}
