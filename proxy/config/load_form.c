#include "proxy/config/load_form.h"

#include <stdio.h>

#include "policy/access/urlpath.h"

#define PATH_MAX_LEN 128
#define TEXT_MIN_LEN 4 /* shorter ones stand on any page */

struct form_draft {
    const config_setting_t *steps, *logged_out, *log_out;
    const struct str *cookies;
    size_t cookie_count;
    struct str probe;
};

struct step_draft {
    struct str request, accepted, refused;
    const struct str *fields, *make_cookies, *locations;
    size_t field_count, make_cookie_count, location_count;
    const config_setting_t *take;
    uint32_t status;
};

#define LIST(key, most, field, count)                                                              \
    {                                                                                              \
        .name = (key), .type = READER_STRS, .min = 1, .max = (most), .offset = AT(field),          \
        .count_offset = AT(count)                                                                  \
    }

#define AT(field) offsetof(struct form_draft, field)
static const struct reader_key form_keys[] = {
    {.name = "steps", .type = READER_LIST, .required = true, .offset = AT(steps)},
    {.name = "logged_out", .type = READER_GROUP, .required = true, .offset = AT(logged_out)},
    {.name = "log_out", .type = READER_GROUP, .offset = AT(log_out)},
    LIST("cookies", PHONE_FORM_COOKIES, cookies, cookie_count),
    {.name = "probe", .type = READER_STR, .offset = AT(probe), .absent_text = "/"},
    {.name = NULL},
};
#undef AT

#define AT(field) offsetof(struct step_draft, field)
static const struct reader_key step_keys[] = {
    {.name = "request", .type = READER_STR, .required = true, .offset = AT(request)},
    LIST("fields", PHONE_FORM_FIELDS, fields, field_count),
    {.name = "take", .type = READER_LIST, .offset = AT(take)},
    LIST("make_cookies", PHONE_FORM_COOKIES, make_cookies, make_cookie_count),
    {.name = "status",
     .type = READER_U32,
     .offset = AT(status),
     .min = 200,
     .max = 599,
     .absent = 200},
    LIST("locations", 8, locations, location_count),
    {.name = "accepted", .type = READER_STR, .offset = AT(accepted)},
    {.name = "refused", .type = READER_STR, .offset = AT(refused)},
    {.name = NULL},
};
#undef AT

#define AT(field) offsetof(struct phone_form_take, field)
static const struct reader_key take_keys[] = {
    {.name = "name", .type = READER_STR, .required = true, .offset = AT(name)},
    {.name = "field", .type = READER_STR, .offset = AT(field)},
    {.name = "json", .type = READER_STR, .offset = AT(json)},
    {.name = "cookie", .type = READER_STR, .offset = AT(cookie)},
    {.name = NULL},
};
#undef AT

#define AT(field) offsetof(struct phone_form_signs, field)
static const struct reader_key sign_keys[] = {
    {.name = "status", .type = READER_U32, .offset = AT(status), .min = 200, .max = 599},
    LIST("locations", 8, locations, location_count),
    LIST("texts", 8, texts, text_count),
    {.name = NULL},
};
#undef AT

/* What the steps have taken so far. */
struct names {
    struct str list[PHONE_FORM_VALUES];
    size_t count;
};

static bool path_is_good(struct str path) {
    if (path.len == 0 || path.len > PATH_MAX_LEN || path.ptr[0] != '/') return false;
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] <= ' ' || path.ptr[i] >= 0x7f || path.ptr[i] == '#') return false;
    return true;
}

static void check_paths(const struct reader *r, const config_setting_t *group, const char *key,
                        const struct str *paths, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!path_is_good(paths[i]))
            reader_error(r, reader_at_element(group, key, i),
                         "\"%.80s\" is no path: it begins with / and holds no blank", paths[i].ptr);
}

static void read_request(const struct reader *r, const config_setting_t *group,
                         const struct step_draft *draft, struct phone_form_step *step) {
    struct str text = draft->request;
    size_t blank = str_find(text, ' ', 0);
    struct str method = str_part(text, 0, blank);
    step->post = str_equal(method, STR("POST"));
    step->path = str_part(text, blank + 1, text.len);
    bool known = step->post || str_equal(method, STR("GET"));
    /* A query would put what is secret into the phone's own records. */
    bool plain = path_is_good(step->path) && str_find(step->path, '?', 0) == step->path.len;
    if (!known || !plain)
        reader_error(r, reader_at(group, "request"),
                     "\"%.80s\" must be GET or POST, one blank and a path without a query",
                     text.ptr);
    else if (!step->post && draft->field_count > 0)
        reader_error(r, reader_at(group, "fields"), "\"fields\" go with a POST");
}

/* "NAME=VALUE" each, as the list `key` has them. */
struct pairs {
    const char *key;
    const struct str *texts;
    size_t count;
};

static const struct phone_form_field *read_fields(const struct reader *r,
                                                  const config_setting_t *group,
                                                  const struct pairs *pairs,
                                                  const struct names *names, bool *password) {
    struct phone_form_field *fields = reader_alloc(r, pairs->count, sizeof(*fields));
    for (size_t i = 0; i < pairs->count; i++) {
        struct str text = pairs->texts[i];
        size_t equals = str_find(text, '=', 0);
        fields[i].name = str_part(text, 0, equals);
        fields[i].value = str_part(text, equals + 1, text.len);
        const char *problem = "is not NAME=VALUE";
        if (equals > 0 && equals < text.len)
            problem = phone_form_check(fields[i].value, names->list, names->count, password);
        if (problem != NULL)
            reader_error(r, reader_at_element(group, pairs->key, i), "\"%.80s\" %s", text.ptr,
                         problem);
    }
    return fields;
}

static bool name_is_new(const struct names *names, struct str name) {
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_is_alpha(name.ptr[i]) && !ascii_is_digit(name.ptr[i]) && name.ptr[i] != '_')
            return false;
    for (size_t i = 0; i < names->count; i++)
        if (str_equal(names->list[i], name)) return false;
    return name.len > 0 && !str_equal(name, STR("user")) && !str_equal(name, STR("password"));
}

static void read_takes(const struct reader *r, const config_setting_t *list, struct names *names,
                       struct phone_form_step *step) {
    size_t count = list == NULL ? 0 : (size_t)config_setting_length(list);
    struct phone_form_take *takes = reader_alloc(r, count, sizeof(*takes));
    for (size_t i = 0; i < count; i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        if (!config_setting_is_group(group) ||
            !reader_group(r, group, "take", take_keys, &takes[i]))
            continue;
        if (takes[i].field.len == 0 && takes[i].json.len == 0 && takes[i].cookie.len == 0)
            reader_error(r, group, "\"take\" needs a place: field, json or cookie");
        if (!name_is_new(names, takes[i].name) || names->count == PHONE_FORM_VALUES)
            reader_error(r, reader_at(group, "name"),
                         "\"%.40s\" is no new name of letters and digits, or the %dth one",
                         takes[i].name.ptr, PHONE_FORM_VALUES + 1);
        else
            names->list[names->count++] = takes[i].name;
    }
    step->takes = takes;
    step->take_count = count;
}

static void read_step(const struct reader *r, const config_setting_t *group, const char *what,
                      struct names *names, struct phone_form_step *step) {
    struct step_draft draft = {0};
    bool hashed = false;
    if (!reader_group(r, group, what, step_keys, &draft)) return;
    read_request(r, group, &draft, step);
    check_paths(r, group, "locations", draft.locations, draft.location_count);
    const struct pairs fields = {"fields", draft.fields, draft.field_count};
    const struct pairs cookies = {"make_cookies", draft.make_cookies, draft.make_cookie_count};
    step->fields = read_fields(r, group, &fields, names, &step->sends_password);
    step->field_count = draft.field_count;
    read_takes(r, draft.take, names, step);
    step->cookies = read_fields(r, group, &cookies, names, &hashed);
    step->cookie_count = draft.make_cookie_count;
    if (hashed)
        reader_error(r, reader_at(group, "make_cookies"),
                     "a cookie made of the password would go along with every request");
    step->status = draft.status;
    step->locations = draft.locations;
    step->location_count = draft.location_count;
    step->accepted = draft.accepted;
    step->refused = draft.refused;
}

static void read_steps(const struct reader *r, const config_setting_t *list, struct names *names,
                       struct phone_form *form) {
    size_t count = list == NULL ? 0 : (size_t)config_setting_length(list);
    bool password = false;
    if (count == 0 || count > PHONE_FORM_STEPS) {
        reader_error(r, list, "\"steps\" in form must be 1 to %d", PHONE_FORM_STEPS);
        return;
    }
    struct phone_form_step *steps = reader_alloc(r, count, sizeof(*steps));
    for (size_t i = 0; i < count; i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        if (config_setting_is_group(group)) read_step(r, group, "steps", names, &steps[i]);
        password = password || steps[i].sends_password;
    }
    if (!password) reader_error(r, list, "no step of \"steps\" sends the password");
    form->steps = steps;
    form->step_count = count;
}

static void read_signs(const struct reader *r, const config_setting_t *group,
                       struct phone_form_signs *out) {
    if (group == NULL || !reader_group(r, group, "logged_out", sign_keys, out)) return;
    check_paths(r, group, "locations", out->locations, out->location_count);
    for (size_t i = 0; i < out->text_count; i++)
        if (out->texts[i].len < TEXT_MIN_LEN)
            reader_error(r, reader_at_element(group, "texts", i),
                         "\"%s\" would stand on any page: at least %d characters",
                         out->texts[i].ptr, TEXT_MIN_LEN);
    if (out->status == 0 && out->location_count == 0 && out->text_count == 0)
        reader_error(r, group,
                     "\"logged_out\" says nothing: a session that is over would not be noticed");
}

static void fill_form(const struct reader *r, const config_setting_t *group,
                      struct phone_form *form) {
    struct form_draft draft = {0};
    struct names names = {.count = 0};
    if (!reader_group(r, group, "form", form_keys, &draft)) return;
    read_steps(r, draft.steps, &names, form);
    read_signs(r, draft.logged_out, &form->logged_out);
    check_paths(r, group, "probe", &draft.probe, 1);
    form->probe = draft.probe;
    form->cookies = draft.cookies;
    form->cookie_count = draft.cookie_count;
    if (draft.log_out == NULL) return;
    struct phone_form_step *log_out = reader_alloc(r, 1, sizeof(*log_out));
    read_step(r, draft.log_out, "log_out", &names, log_out);
    if (log_out->sends_password || log_out->take_count > 0)
        reader_error(r, draft.log_out, "\"log_out\" neither sends the password nor takes a value");
    form->log_out = log_out;
}

/* A text that has a default points to constant memory; all else is copied to the recipe's arena. */
struct phone_form *load_form(struct loader *l, const struct reader *r, const config_setting_t *root,
                             const config_setting_t *group, bool is_form) {
    if (is_form && group == NULL)
        reader_error(r, reader_at(root, "login"),
                     "\"login\" is \"form\", but no \"form\" says how to log in");
    if (!is_form && group != NULL) reader_error(r, group, "\"form\" goes with login = \"form\"");
    if (!is_form || group == NULL) return NULL;
    struct phone_form *form = phone_form_new();
    form->next = l->snapshot->forms;
    l->snapshot->forms = form;
    struct reader own = *r;
    own.arena = &form->arena;
    size_t errors = l->problems.errors;
    fill_form(&own, group, form);
    if (l->problems.errors != errors) return NULL;
    ENSURE(phone_form_seal(form, l->hasher));
    return form;
}

/* ---- rules ---- */

static bool rule_matches(const struct rule *rule, enum method method, struct str path, bool fold) {
    if (rule->methods != 0 && (rule->methods & 1U << method) == 0) return false;
    for (size_t i = 0; i < rule->path_count; i++)
        if (urlpath_matches(rule->paths[i], path, fold)) return true;
    return false;
}

static bool denies_all(const struct rule *rule) {
    return !rule->allow && rule->role_count == 0 && rule->class.len == 0 &&
           rule->params != RULE_PARAMS_LISTED;
}

/* It has to stand at the top, among the rules that deny and name no role: rules of the site's own
 * come behind them, and before all others. */
static void check_denied(const struct reader *r, const config_setting_t *group,
                         const struct profile *profile, enum method method, struct str path) {
    for (size_t i = 0; i < profile->rule_count; i++) {
        const struct rule *rule = &profile->rules[i];
        if (rule->allow || rule->role_count > 0) break;
        if (denies_all(rule) && rule_matches(rule, method, path, profile->case_insensitive_paths))
            return;
    }
    reader_error(r, group,
                 "no rule at the top of the profile denies " STR_FMT " " STR_FMT
                 " to all: it logs the gate in or out",
                 STR_ARG(method_name(method)), STR_ARG(path));
}

void load_form_check_rules(const struct reader *r, const config_setting_t *group,
                           const struct profile *profile) {
    const struct phone_form *form = profile->form;
    if (form == NULL) return;
    for (size_t i = 0; i < form->step_count; i++)
        if (form->steps[i].post) check_denied(r, group, profile, METHOD_POST, form->steps[i].path);
    if (form->log_out == NULL) return;
    static const enum method methods[] = {METHOD_GET, METHOD_HEAD, METHOD_POST};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        check_denied(r, group, profile, methods[i], form->log_out->path);
}

/* ---- phones ---- */

void load_form_check_phone(struct loader *l, const config_setting_t *group,
                           const struct config_phone *phone, const struct profile *profile) {
    const struct reader *r = &l->reader;
    if (profile == NULL || profile->login != PHONE_LOGIN_FORM || l->sample) return;
    if (!phone->login_required && phone->login.user.len == 0)
        reader_error(r, group, "\"login\" in phone is missing: its form wants an account");
    if (phone->tls && phone->verify == PHONE_VERIFY_NONE)
        reader_error(r, reader_at(group, "tls"),
                     "this phone is logged in to by a form, which sends the password itself: it "
                     "must prove itself by pin_sha256 or ca");
}
