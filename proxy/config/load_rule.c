#include "proxy/config/loader.h"

struct rule_draft {
    struct str name, class, reason;
    const struct str *roles, *methods, *paths, *parameters;
    size_t role_count, method_count, path_count, parameter_count;
    bool allow, changes;
    const struct str *profiles;
    size_t profile_count;
};

/* An empty list is an error wherever an absent key means "every": it would say the opposite of what
 * it looks like. */
#define AT(field) offsetof(struct rule_draft, field)
#define LIST(key, must, low, field, count)                                                         \
    {                                                                                              \
        .name = (key), .type = READER_STRS, .required = (must), .min = (low), .offset = AT(field), \
        .count_offset = AT(count)                                                                  \
    }
static const struct reader_key rule_keys[] = {
    {.name = "name", .type = READER_STR, .required = true, .offset = AT(name)},
    {.name = "class", .type = READER_STR, .offset = AT(class)},
    {.name = "reason", .type = READER_STR, .offset = AT(reason)},
    LIST("roles", false, 1, roles, role_count),
    LIST("methods", false, 1, methods, method_count),
    LIST("paths", true, 1, paths, path_count),
    LIST("parameters", false, 0, parameters, parameter_count),
    {.name = "allow", .type = READER_BOOL, .required = true, .offset = AT(allow)},
    {.name = "changes", .type = READER_BOOL, .offset = AT(changes)},
    /* of the site's rules only, read by load_site_rules as well */
    {.name = "profile",
     .type = READER_STR_S,
     .offset = AT(profiles),
     .count_offset = AT(profile_count)},
    {.name = NULL},
};
#undef AT

/* A slip in a role's name would quietly leave the rule out: every role is one that somebody
 * declared. */
static bool role_is_declared(const struct loader *l, const struct rule_scope *scope,
                             struct str role) {
    size_t unused;
    if (str_equal(role, STR("user")) || str_equal(role, STR("admin"))) return true;
    for (size_t i = 0; i < scope->role_count; i++)
        if (str_equal(scope->roles[i], role)) return true;
    return strmap_find(&l->site_roles, role, &unused);
}

static void check_roles(struct loader *l, const struct reader *r, const config_setting_t *group,
                        const struct rule_draft *draft, const struct rule_scope *scope) {
    for (size_t i = 0; i < draft->role_count; i++) {
        size_t old;
        const config_setting_t *at = reader_at_element(group, "roles", i);
        if (!load_role_is_good(draft->roles[i]))
            reader_error(r, at, "\"%.60s\" is no role: a-z 0-9 _ -, at most 32",
                         draft->roles[i].ptr);
        else if (!role_is_declared(l, scope, draft->roles[i]))
            reader_error(r, at,
                         "role \"%.40s\" is neither user nor admin nor declared in \"roles\"",
                         draft->roles[i].ptr);
        else
            (void)!strmap_add(&l->roles, draft->roles[i], 0, &old);
    }
}

static uint32_t read_methods(const struct reader *r, const config_setting_t *group,
                             const struct rule_draft *draft) {
    uint32_t methods = 0;
    for (size_t i = 0; i < draft->method_count; i++) {
        enum method method;
        if (method_from(draft->methods[i], &method))
            methods |= 1U << method;
        else
            reader_error(r, reader_at_element(group, "methods", i),
                         "\"%.40s\" is no method that is known here", draft->methods[i].ptr);
    }
    return methods;
}

void load_check_patterns(const struct reader *r, const config_setting_t *group, const char *key,
                         const struct str *patterns, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (patterns[i].ptr[0] != '/' && patterns[i].ptr[0] != '*')
            reader_error(r, reader_at_element(group, key, i),
                         "\"%.80s\" can match no path: it begins with neither / nor *",
                         patterns[i].ptr);
}

static enum rule_params parameters_kind(const struct reader *r, const config_setting_t *group,
                                        const struct rule_draft *draft) {
    const config_setting_t *at = config_setting_get_member(group, "parameters");
    if (at == NULL) return RULE_PARAMS_ABSENT;
    bool any = false;
    for (size_t i = 0; i < draft->parameter_count; i++)
        if (str_equal(draft->parameters[i], STR("*"))) any = true;
    if (any && draft->parameter_count > 1)
        reader_error(r, at, "\"*\" in \"parameters\" stands alone");
    if (any) return RULE_PARAMS_ANY;
    if (draft->parameter_count > 0) return RULE_PARAMS_LISTED;
    if (!draft->allow)
        reader_error(r, at, "an empty \"parameters\" in a rule that denies matches nothing");
    return RULE_PARAMS_ABSENT; /* none are harmless: the same as no key */
}

static void read_parameters(const struct reader *r, const config_setting_t *group,
                            const struct rule_draft *draft, struct rule *rule) {
    rule->params = parameters_kind(r, group, draft);
    if (rule->params != RULE_PARAMS_LISTED) return;
    struct rule_param *list = reader_alloc(r, draft->parameter_count, sizeof(*list));
    for (size_t i = 0; i < draft->parameter_count; i++) {
        enum rule_param_verdict verdict =
            rule_param_parse(draft->parameters[i], r->arena, &list[i]);
        ENSURE(verdict != RULE_PARAM_NO_MEMORY);
        if (verdict != RULE_PARAM_OK)
            reader_error(r, reader_at_element(group, "parameters", i), "\"%.80s\" %s",
                         draft->parameters[i].ptr, rule_param_verdict_str(verdict));
    }
    rule->parameters = list;
    rule->param_count = draft->parameter_count;
}

static void check_class(const struct reader *r, const config_setting_t *group,
                        const struct rule_draft *draft) {
    if (draft->class.len == 0) return;
    if (draft->allow)
        reader_error(r, reader_at(group, "class"), "\"class\" is for rules that deny");
    if (!load_class_is_known(draft->class))
        reader_error(r, reader_at(group, "class"), "\"%.40s\" is no class that a grant can allow",
                     draft->class.ptr);
}

static void check_changes(const struct reader *r, const config_setting_t *group,
                          const struct rule_draft *draft) {
    if (draft->changes && !draft->allow)
        reader_error(r, reader_at(group, "changes"), "\"changes\" is for rules that allow");
}

void load_rule(struct loader *l, const struct reader *r, const config_setting_t *group,
               const struct rule_scope *scope, struct rule *rule) {
    struct rule_draft draft = {0};
    if (!reader_group(r, group, "rule", rule_keys, &draft)) return;
    if (!scope->site && config_setting_get_member(group, "profile") != NULL)
        reader_error(r, reader_at(group, "profile"), "unknown key \"profile\" in rule");
    size_t line;
    if (!strmap_add(scope->names, draft.name, reader_line(r, group), &line))
        reader_error(r, reader_at(group, "name"), "rule \"%.80s\" stands already in line %zu",
                     draft.name.ptr, line);
    check_roles(l, r, group, &draft, scope);
    check_class(r, group, &draft);
    check_changes(r, group, &draft);
    load_check_patterns(r, group, "paths", draft.paths, draft.path_count);
    *rule = (struct rule){
        .name = draft.name,
        .class = draft.class,
        .reason = draft.reason,
        .roles = draft.roles,
        .role_count = draft.role_count,
        .methods = read_methods(r, group, &draft),
        .paths = draft.paths,
        .path_count = draft.path_count,
        .allow = draft.allow,
        .changes = draft.changes,
        .file = arena_copy(r->arena, reader_file(r, group)),
        .line = reader_line(r, group),
    };
    ENSURE(rule->file.ptr != NULL);
    read_parameters(r, group, &draft, rule);
}
