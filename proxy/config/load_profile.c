#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proxy/config/loader.h"

#define NAME_MAX_LEN 64

struct profile_draft {
    int login;
    uint32_t concurrent_requests;
    bool case_insensitive_paths, keep_alive_header;
    const struct str *no_keep_alive;
    size_t no_keep_alive_count;
    const config_setting_t *rules;
};

struct rule_draft {
    struct str name, class, reason;
    const struct str *roles, *methods, *paths, *parameters;
    size_t role_count, method_count, path_count, parameter_count;
    bool allow;
};

static const struct reader_word logins[] = {{"digest", PHONE_LOGIN_DIGEST},
                                            {"basic", PHONE_LOGIN_BASIC},
                                            {"form", PHONE_LOGIN_FORM},
                                            {"none", PHONE_LOGIN_NONE},
                                            {NULL, 0}};

#define AT(field) offsetof(struct profile_draft, field)
static const struct reader_key profile_keys[] = {
    {.name = "login", .type = READER_WORD, .offset = AT(login), .words = logins},
    {.name = "concurrent_requests",
     .type = READER_U32,
     .offset = AT(concurrent_requests),
     .min = 1,
     .max = 256,
     .absent = 1},
    {.name = "case_insensitive_paths", .type = READER_BOOL, .offset = AT(case_insensitive_paths)},
    {.name = "keep_alive_header", .type = READER_BOOL, .offset = AT(keep_alive_header)},
    {.name = "no_keep_alive_header",
     .type = READER_STRS,
     .offset = AT(no_keep_alive),
     .count_offset = AT(no_keep_alive_count)},
    {.name = "rules", .type = READER_LIST, .required = true, .offset = AT(rules)},
    {.name = NULL},
};
#undef AT

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
    {.name = NULL},
};
#undef AT

static void check_roles(struct loader *l, const struct reader *r, const config_setting_t *group,
                        const struct rule_draft *draft) {
    for (size_t i = 0; i < draft->role_count; i++) {
        size_t old;
        if (!load_role_is_good(draft->roles[i]))
            reader_error(r, reader_at_element(group, "roles", i),
                         "\"%.60s\" is no role: a-z 0-9 _ -, at most 32", draft->roles[i].ptr);
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

static void check_patterns(const struct reader *r, const config_setting_t *group, const char *key,
                           const struct str *patterns, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (patterns[i].ptr[0] != '/' && patterns[i].ptr[0] != '*')
            reader_error(r, reader_at_element(group, key, i),
                         "\"%.80s\" can match no path: it begins with neither / nor *",
                         patterns[i].ptr);
}

static enum rule_params read_parameters(const struct reader *r, const config_setting_t *group,
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

static void check_class(const struct reader *r, const config_setting_t *group,
                        const struct rule_draft *draft) {
    if (draft->class.len == 0) return;
    if (draft->allow)
        reader_error(r, reader_at(group, "class"), "\"class\" is for rules that deny");
    if (!load_class_is_known(draft->class))
        reader_error(r, reader_at(group, "class"), "\"%.40s\" is no class that a grant can allow",
                     draft->class.ptr);
}

static void load_rule(struct loader *l, const struct reader *r, const config_setting_t *group,
                      struct strmap *names, struct rule *rule) {
    struct rule_draft draft = {0};
    if (!reader_group(r, group, "rule", rule_keys, &draft)) return;
    size_t line;
    if (!strmap_add(names, draft.name, reader_line(r, group), &line))
        reader_error(r, reader_at(group, "name"), "rule \"%.80s\" stands already in line %zu",
                     draft.name.ptr, line);
    check_roles(l, r, group, &draft);
    check_class(r, group, &draft);
    check_patterns(r, group, "paths", draft.paths, draft.path_count);
    *rule = (struct rule){
        .name = draft.name,
        .class = draft.class,
        .reason = draft.reason,
        .roles = draft.roles,
        .role_count = draft.role_count,
        .methods = read_methods(r, group, &draft),
        .paths = draft.paths,
        .path_count = draft.path_count,
        .params = read_parameters(r, group, &draft),
        .param_names = draft.parameters,
        .param_count = draft.parameter_count,
        .allow = draft.allow,
        .file = arena_copy(r->arena, reader_file(r, group)),
        .line = reader_line(r, group),
    };
    ENSURE(rule->file.ptr != NULL);
}

static struct profile *build(struct loader *l, const struct reader *r, struct str name) {
    const config_setting_t *root = config_root_setting(&r->source->tree);
    struct profile_draft draft = {0};
    (void)reader_group(r, root, "", profile_keys, &draft);
    check_patterns(r, root, "no_keep_alive_header", draft.no_keep_alive, draft.no_keep_alive_count);
    size_t count = draft.rules == NULL ? 0 : (size_t)config_setting_length(draft.rules);
    struct rule *rules = reader_alloc(r, count, sizeof(*rules));
    struct strmap names;
    strmap_init(&names, l->key);
    for (size_t i = 0; i < count; i++) {
        const config_setting_t *group = config_setting_get_elem(draft.rules, (unsigned)i);
        if (config_setting_is_group(group)) load_rule(l, r, group, &names, &rules[i]);
    }
    strmap_free(&names);
    struct profile *profile = reader_alloc(r, 1, sizeof(*profile));
    *profile = (struct profile){
        .name = name,
        .login = (enum phone_login)draft.login,
        .concurrent_requests = draft.concurrent_requests,
        .case_insensitive_paths = draft.case_insensitive_paths,
        .keep_alive_header = draft.keep_alive_header,
        .no_keep_alive_header = draft.no_keep_alive,
        .no_keep_alive_count = draft.no_keep_alive_count,
        .rules = rules,
        .rule_count = count,
    };
    return profile;
}

static const struct profile *load_file(struct loader *l, const char *path, struct str name) {
    struct source source;
    size_t errors = l->problems.errors;
    const struct profile *profile = NULL;
    if (source_read(&source, path, l->ranks++, &l->problems) == SOURCE_OK) {
        struct reader r = {.source = &source, .problems = &l->problems, .arena = l->reader.arena};
        loader_digest(l, (struct str){source.text, source.len});
        profile = build(l, &r, name);
    }
    source_free(&source);
    return l->problems.errors == errors ? profile : NULL;
}

static bool name_is_good(struct str name) {
    if (name.len == 0 || name.len > NAME_MAX_LEN || name.ptr[0] == '.') return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

const struct profile *load_profile(struct loader *l, struct str name, bool *known) {
    struct str directory = l->snapshot->draft.profiles_dir;
    size_t index;
    *known = true;
    if (strmap_find(&l->profiles, name, &index)) return l->profile_list[index];
    if (directory.len == 0) return NULL; /* reported as missing or wrong */
    char *path = NULL;
    ENSURE(asprintf(&path, STR_FMT "/" STR_FMT ".cfg", STR_ARG(directory), STR_ARG(name)) > 0);
    *known = name_is_good(name) && (access(path, F_OK) == 0 || errno != ENOENT);
    const struct profile *profile = NULL;
    if (*known) {
        profile = load_file(l, path, name);
        if (profile == NULL) l->profiles_incomplete = true;
        l->profile_list =
            realloc(l->profile_list, (l->profile_count + 1) * sizeof(struct profile *));
        ENSURE(l->profile_list != NULL);
        l->profile_list[l->profile_count] = profile;
        ENSURE(strmap_add(&l->profiles, name, l->profile_count++, &index));
    }
    free(path);
    return profile;
}
