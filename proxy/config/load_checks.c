/* What is no mistake in itself and yet does nothing: rules that can never decide, roles and phones
 * that no grant gives, hours that never come. Only warnings. */
#include <time.h>

#include "policy/access/rules_cover.h"
#include "policy/access/urlpath.h"
#include "proxy/config/loader.h"

/* ---- rules ---- */

struct role_list {
    struct str *roles;
    size_t count;
};

/* Every role that a grant may give; one may stand there twice. */
static struct role_list every_role(struct loader *l) {
    size_t most = 2 + l->site_roles.size;
    for (size_t i = 0; i < l->profile_count; i++)
        if (l->profile_list[i] != NULL) most += l->profile_list[i]->role_count;
    struct role_list list = {reader_alloc(&l->reader, most, sizeof(struct str)), 0};
    list.roles[list.count++] = STR("user");
    list.roles[list.count++] = STR("admin");
    for (size_t i = 0; i < l->site_roles.size; i++)
        if (l->site_roles.slots[i].name.ptr != NULL)
            list.roles[list.count++] = l->site_roles.slots[i].name;
    for (size_t i = 0; i < l->profile_count; i++) {
        const struct profile *profile = l->profile_list[i];
        for (size_t k = 0; profile != NULL && k < profile->role_count; k++)
            list.roles[list.count++] = profile->roles[k];
    }
    return list;
}

/* The site's rule of this name; NULL where it is the profile's. */
static const config_setting_t *site_rule(const struct loader *l, const struct rule *rule) {
    size_t index;
    if (!strmap_find(&l->site_rule_names, rule->name, &index)) return NULL;
    return config_setting_get_elem(l->snapshot->draft.rules, (unsigned)index);
}

static struct problem_place place_of(struct loader *l, const struct rule *rule, const char *key) {
    const config_setting_t *at = site_rule(l, rule);
    if (at != NULL) return source_place(&l->source, (unsigned)reader_at(at, key)->line);
    return (struct problem_place){l->ranks, rule->line, rule->file.ptr, rule->line};
}

/* A refusal by class that was copied for the site's rules: the copy may well decide for it. */
static bool has_twin(const struct profile *profile, size_t index) {
    for (size_t i = 0; i < profile->rule_count; i++)
        if (i != index && str_equal(profile->rules[i].name, profile->rules[index].name))
            return true;
    return false;
}

static void check_rule(struct loader *l, const struct profile *profile, size_t index,
                       const struct role_list *roles) {
    const struct rule *rule = &profile->rules[index], *by;
    bool alone;
    for (size_t i = 0; i < rule->path_count; i++)
        if (!rules_path_is_possible(rule->paths[i]))
            problems_add(&l->problems, CONFIG_WARNING, place_of(l, rule, "paths"),
                         "rule \"%.80s\" for %s: \"%.80s\" can match no path, which holds no ? # ; "
                         "\\, no escape and no empty or dot segment",
                         rule->name.ptr, profile->name.ptr, rule->paths[i].ptr);
    if (!rules_is_covered(profile, index, roles->roles, roles->count, &by, &alone) ||
        has_twin(profile, index))
        return;
    problems_add(&l->problems, CONFIG_WARNING, place_of(l, rule, "name"),
                 "rule \"%.80s\" for %s can never decide: %s\"%.80s\" at %s:%u%s", rule->name.ptr,
                 profile->name.ptr, alone ? "" : "earlier ones always do, among them ",
                 by->name.ptr, by->file.ptr, by->line, alone ? " always does" : "");
}

static void check_profile_rules(struct loader *l) {
    const struct role_list roles = every_role(l);
    for (size_t i = 0; i < l->profile_count; i++) {
        const struct profile *profile = l->profile_list[i];
        if (profile == NULL) continue;
        for (size_t k = 0; k < profile->rule_count; k++) check_rule(l, profile, k, &roles);
        l->ranks++; /* those of the next profile come behind these */
    }
}

/* ---- what no grant gives ---- */

static bool is_given(const struct policy *policy, struct str role) {
    for (size_t i = 0; i < policy->grant_count; i++)
        if (str_equal(policy->grants[i].role, role)) return true;
    return false;
}

static void check_site_roles(struct loader *l) {
    const config_setting_t *list = l->snapshot->draft.rules;
    int count = list == NULL ? 0 : config_setting_length(list);
    for (int i = 0; i < count; i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        const config_setting_t *roles = config_setting_get_member(group, "roles");
        int role_count = roles == NULL ? 0 : config_setting_length(roles);
        for (int k = 0; k < role_count; k++) {
            struct str role = str_of(config_setting_get_string_elem(roles, k));
            if (!is_given(&l->snapshot->config.policy, role))
                reader_warning(&l->reader, config_setting_get_elem(roles, (unsigned)k),
                               "no grant gives the role \"%.40s\" that this rule is for", role.ptr);
        }
    }
}

static void cover_phones(const struct policy *policy, const struct strmap *ids, struct str pattern,
                         bool *covered) {
    size_t index;
    if (str_find(pattern, '*', 0) == pattern.len) {
        if (strmap_find(ids, pattern, &index)) covered[index] = true;
        return;
    }
    for (size_t i = 0; i < policy->phone_count; i++)
        if (!covered[i]) covered[i] = urlpath_matches(pattern, policy->phones[i].id, false);
}

void load_check_phones(struct loader *l, const struct strmap *ids) {
    const struct policy *policy = &l->snapshot->config.policy;
    if (policy->grant_count == 0 || policy->phone_count == 0) return; /* said elsewhere */
    bool *covered = calloc(policy->phone_count, sizeof(*covered));
    ENSURE(covered != NULL);
    for (size_t i = 0; i < policy->grant_count; i++) {
        const struct grant *grant = &policy->grants[i];
        for (size_t k = 0; grant->user_count > 0 && k < grant->phone_count; k++)
            cover_phones(policy, ids, grant->phones[k], covered);
    }
    size_t count = 0, first = 0;
    for (size_t i = policy->phone_count; i > 0; i--) {
        if (covered[i - 1]) continue;
        first = i - 1;
        count++;
    }
    if (count > 0)
        reader_warning(&l->reader, reader_at(l->root, "phones"),
                       "%zu phone(s), \"%.80s\" first, that no grant covers: nobody may open them",
                       count, policy->phones[first].id.ptr);
    free(covered);
}

/* ---- hours ---- */

#define DAY_S  86400
#define WEEK_S INT64_C(7 * 86400)
#define HOUR_S 3600

/* Could `hours` begin on the local day of `noon` and hold within the span? Wider by an hour on both
 * sides, so that nothing that summer time does makes this a false no. */
static bool may_hold_on(const struct when_hours *hours, time_t noon, int64_t from, int64_t until) {
    struct tm day;
    if (localtime_r(&noon, &day) == NULL || day.tm_mday == 0) return true;
    if ((hours->days >> (day.tm_wday + 6) % 7 & 1U) == 0) return false;
    day.tm_hour = 0;
    day.tm_min = hours->from_min;
    day.tm_sec = 0;
    day.tm_isdst = -1;
    int64_t begins = mktime(&day);
    int64_t minutes = (1440 + hours->to_min - hours->from_min) % 1440;
    int64_t ends = begins + (minutes == 0 ? 1440 : minutes) * 60;
    return begins - HOUR_S < until && ends + HOUR_S > from;
}

bool load_hours_may_hold(const struct grant *grant, int64_t now) {
    int64_t from = grant->since_s > now ? grant->since_s : now;
    if (grant->hours_count == 0 || grant->until_s == 0 || grant->until_s - from > WEEK_S)
        return true;
    for (int64_t at = from - DAY_S; at <= grant->until_s + DAY_S; at += DAY_S / 2)
        for (size_t i = 0; i < grant->hours_count; i++)
            if (may_hold_on(&grant->hours[i], (time_t)at, from, grant->until_s)) return true;
    return false;
}

void load_checks(struct loader *l) {
    if (l->problems.errors > 0) return; /* one thing after the other */
    check_profile_rules(l);
    check_site_roles(l);
}
