#include <string.h>
#include <time.h>

#include "policy/access/urlpath.h"
#include "proxy/config/loader.h"

struct grant_draft {
    const struct str *users, *groups, *phones, *allow, *from, *hours;
    size_t user_count, group_count, phone_count, allow_count, from_count, hours_count;
    struct str role, since, until;
    bool scripts;
};

/* An empty list is an error wherever an absent key means that there is no limit. */
#define AT(field) offsetof(struct grant_draft, field)
#define LIST(key, must, low, field, count)                                                         \
    {                                                                                              \
        .name = (key), .type = READER_STRS, .required = (must), .min = (low), .offset = AT(field), \
        .count_offset = AT(count)                                                                  \
    }
static const struct reader_key grant_keys[] = {
    LIST("users", false, 0, users, user_count),
    LIST("groups", false, 1, groups, group_count),
    {.name = "role", .type = READER_STR, .required = true, .offset = AT(role)},
    LIST("phones", true, 0, phones, phone_count),
    {.name = "scripts", .type = READER_BOOL, .offset = AT(scripts)},
    LIST("allow", false, 0, allow, allow_count),
    LIST("from", false, 1, from, from_count),
    {.name = "since", .type = READER_STR, .offset = AT(since)},
    {.name = "until", .type = READER_STR, .offset = AT(until)},
    LIST("hours", false, 1, hours, hours_count),
    {.name = NULL},
};

bool load_class_is_known(struct str name) {
    static const struct str classes[] = {
        {"step1", 5},         {"step2", 5},          {"step3", 5},           {"step4", 5},
        {"firmware-url", 12}, {"factory-reset", 13}, {"minibrowser-url", 15}};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (str_equal(classes[i], name)) return true;
    return false;
}

/* A role that no rule names quietly denies nearly everything. */
static void check_role(struct loader *l, const config_setting_t *group, struct str role) {
    const config_setting_t *at = reader_at(group, "role");
    size_t unused;
    if (!load_role_is_good(role))
        reader_error(&l->reader, at, "\"%.60s\" is no role: a-z 0-9 _ -, at most 32", role.ptr);
    else if (l->profiles_incomplete || str_equal(role, STR("user")) ||
             str_equal(role, STR("admin")))
        return;
    else if (!load_role_is_declared(l, role))
        reader_error(&l->reader, at,
                     "role \"%s\" is neither user nor admin nor declared in \"roles\"", role.ptr);
    else if (!strmap_find(&l->roles, role, &unused))
        reader_warning(&l->reader, at, "no rule names the role \"%s\"", role.ptr);
}

static void check_users(struct loader *l, const config_setting_t *group,
                        const struct grant_draft *draft) {
    for (size_t i = 0; i < draft->user_count; i++)
        if (!l->users_incomplete && users_find(l->snapshot->users, draft->users[i]) == NULL)
            reader_warning(&l->reader, reader_at_element(group, "users", i),
                           "user \"%.80s\" of this grant is in no users file", draft->users[i].ptr);
}

/* The members of its groups become users of the grant. */
static void add_groups(struct loader *l, const config_setting_t *group,
                       const struct grant_draft *draft, struct grant *grant) {
    size_t count = draft->user_count;
    for (size_t i = 0; i < draft->group_count; i++) {
        struct loaded_group *named = load_group_find(l, draft->groups[i]);
        if (named == NULL)
            reader_error(&l->reader, reader_at_element(group, "groups", i),
                         "there is no group \"%.80s\"", draft->groups[i].ptr);
        else
            count += named->user_count;
    }
    struct str *users = reader_alloc(&l->reader, count, sizeof(*users));
    for (size_t i = 0; i < draft->user_count; i++) users[grant->user_count++] = draft->users[i];
    for (size_t i = 0; i < draft->group_count; i++) {
        struct loaded_group *named = load_group_find(l, draft->groups[i]);
        if (named == NULL) continue;
        named->used = true;
        for (size_t k = 0; k < named->user_count; k++) users[grant->user_count++] = named->users[k];
    }
    grant->users = users;
    bool missing = config_setting_get_member(group, "users") == NULL && draft->group_count == 0;
    if (missing)
        reader_error(&l->reader, group, "\"users\" or \"groups\" in grant is missing");
    else if (count == 0)
        reader_warning(&l->reader, reader_at(group, "users"), "a grant for nobody");
}

/* ---- limits ---- */

static bool network_from(struct str text, struct network *network) {
    struct config_network written;
    if (!hostport_network(text, &written)) return false;
    if (written.family == AF_INET6) {
        memcpy(network->bytes, written.bytes, sizeof(network->bytes));
        network->prefix_bits = written.prefix_bits;
        return true;
    }
    network->bytes[10] = network->bytes[11] = 0xff; /* ::ffff:a.b.c.d */
    memcpy(network->bytes + 12, written.bytes, 4);
    network->prefix_bits = 96 + written.prefix_bits;
    return true;
}

static void load_from(struct loader *l, const config_setting_t *group,
                      const struct grant_draft *draft, struct grant *grant) {
    struct network *from = reader_alloc(&l->reader, draft->from_count, sizeof(*from));
    for (size_t i = 0; i < draft->from_count; i++)
        if (!network_from(draft->from[i], &from[i]))
            reader_error(&l->reader, reader_at_element(group, "from", i),
                         "\"%.80s\" is no address or network: write \"192.0.2.5\", "
                         "\"192.0.2.0/24\" or \"2001:db8::/32\"",
                         draft->from[i].ptr);
    grant->from = from;
    grant->from_count = draft->from_count;
}

static void load_hours(struct loader *l, const config_setting_t *group,
                       const struct grant_draft *draft, struct grant *grant) {
    struct when_hours *hours = reader_alloc(&l->reader, draft->hours_count, sizeof(*hours));
    for (size_t i = 0; i < draft->hours_count; i++)
        if (!when_hours_parse(draft->hours[i], &hours[i]))
            reader_error(&l->reader, reader_at_element(group, "hours", i),
                         "\"%.80s\" are no hours of a week: write \"mon-fri 08:00-18:00\" or "
                         "\"22:00-06:00\"",
                         draft->hours[i].ptr);
    grant->hours = hours;
    grant->hours_count = draft->hours_count;
}

static void check_hours(struct loader *l, const config_setting_t *group,
                        const struct grant *grant) {
    if (!load_hours_may_hold(grant, (int64_t)time(NULL)) && time(NULL) < grant->until_s)
        reader_warning(&l->reader, reader_at(group, "hours"),
                       "these hours do not come before this grant is over");
}

static void load_point(struct loader *l, const config_setting_t *group, const char *key,
                       struct str text, int64_t *utc_s) {
    bool day_over = strcmp(key, "until") == 0;
    if (text.len > 0 && !when_parse(text, day_over, utc_s))
        reader_error(&l->reader, reader_at(group, key),
                     "\"%.40s\" is no point in time: write \"2026-12-31\" or "
                     "\"2026-12-31T18:00:00Z\"",
                     text.ptr);
}

static void load_span(struct loader *l, const config_setting_t *group,
                      const struct grant_draft *draft, struct grant *grant) {
    load_point(l, group, "since", draft->since, &grant->since_s);
    load_point(l, group, "until", draft->until, &grant->until_s);
    const config_setting_t *at = reader_at(group, "until");
    if (grant->until_s == 0) return;
    if (grant->since_s >= grant->until_s)
        reader_error(&l->reader, at, "\"until\" is not behind \"since\"");
    else if (time(NULL) >= grant->until_s)
        reader_warning(&l->reader, at, "this grant is over: \"%s\" is past", draft->until.ptr);
}

/* ---- phones ---- */

static bool covers_any(const struct policy *policy, struct str pattern) {
    for (size_t i = 0; i < policy->phone_count; i++)
        if (urlpath_matches(pattern, policy->phones[i].id, false)) return true;
    return false;
}

static void check_phones(struct loader *l, const config_setting_t *group,
                         const struct grant_draft *draft, const struct strmap *ids) {
    const struct policy *policy = &l->snapshot->config.policy;
    for (size_t i = 0; i < draft->phone_count; i++) {
        struct str pattern = draft->phones[i];
        size_t unused;
        bool plain = str_find(pattern, '*', 0) == pattern.len;
        if (plain ? strmap_find(ids, pattern, &unused) : covers_any(policy, pattern)) continue;
        if (policy->phone_count == 0) continue; /* one warning says it all */
        reader_warning(&l->reader, reader_at_element(group, "phones", i),
                       "\"%.80s\" of this grant covers no phone", pattern.ptr);
    }
    if (draft->phone_count == 0)
        reader_warning(&l->reader, reader_at(group, "phones"), "a grant for no phone");
}

static void check_allow(struct loader *l, const config_setting_t *group,
                        const struct grant_draft *draft) {
    for (size_t i = 0; i < draft->allow_count; i++)
        if (!load_class_is_known(draft->allow[i]))
            reader_error(&l->reader, reader_at_element(group, "allow", i),
                         "\"%.40s\" is no exception: step1 to step4, firmware-url, factory-reset, "
                         "minibrowser-url",
                         draft->allow[i].ptr);
}

static void load_grant(struct loader *l, const config_setting_t *group, const struct strmap *ids,
                       struct grant *grant) {
    struct grant_draft draft = {0};
    if (!reader_group(&l->reader, group, "grant", grant_keys, &draft)) return;
    size_t admin_login;
    *grant = (struct grant){
        .role = draft.role,
        .phones = draft.phones,
        .phone_count = draft.phone_count,
        .scripts = draft.scripts,
        .admin_login = strmap_find(&l->site_roles, draft.role, &admin_login) && admin_login == 1,
        .allow = draft.allow,
        .allow_count = draft.allow_count,
        .file = arena_copy(l->reader.arena, reader_file(&l->reader, group)),
        .line = reader_line(&l->reader, group),
    };
    ENSURE(grant->file.ptr != NULL);
    check_role(l, group, draft.role);
    check_users(l, group, &draft);
    add_groups(l, group, &draft, grant);
    load_from(l, group, &draft, grant);
    load_span(l, group, &draft, grant);
    load_hours(l, group, &draft, grant);
    check_hours(l, group, grant);
    check_phones(l, group, &draft, ids);
    check_allow(l, group, &draft);
}

static void add_ids(const struct policy *policy, struct strmap *ids) {
    for (size_t i = 0; i < policy->phone_count; i++) {
        size_t old; /* duplicates are reported where phones are read; broken ones have no id */
        if (policy->phones[i].id.len > 0) (void)!strmap_add(ids, policy->phones[i].id, i, &old);
    }
}

void load_grants(struct loader *l) {
    struct policy *policy = &l->snapshot->config.policy;
    const config_setting_t *list = l->snapshot->draft.grants;
    size_t count = list == NULL ? 0 : (size_t)config_setting_length(list);
    struct grant *grants = reader_alloc(&l->reader, count, sizeof(*grants));
    struct strmap ids;
    strmap_init(&ids, l->key);
    add_ids(policy, &ids);
    for (size_t i = 0; i < count; i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        if (config_setting_is_group(group)) load_grant(l, group, &ids, &grants[i]);
    }
    policy->grants = grants;
    policy->grant_count = count;
    load_check_phones(l, &ids);
    strmap_free(&ids);
    if (list != NULL && count == 0)
        reader_warning(&l->reader, list, "there are no grants: nobody may open anything");
}
