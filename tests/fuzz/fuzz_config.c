/* A configuration, and behind a line "%%" the profile "model", in a directory where all that
 * base.cfg names is there. Whatever stands in them: no crash, every problem has a place, a snapshot
 * exists only without an error, is complete, and is the same when it is loaded again. */
#include <limits.h>

#include "proxy/config/loader.h"
#include "tests/unit/config_fixture.h"
#include "tests/unit/tls_fixture.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the string it was reading when it meets a syntax error. */
const char *__lsan_default_suppressions(void) {
    return "leak:libconfig.so";
}

struct seen {
    size_t errors, reported;
};

static struct config_fixture *fixture;

static void clean_up(void) {
    fixture_free(fixture);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    char *here = getcwd(NULL, 0);
    fixture = fixture_new();
    /* libFuzzer writes to the directory it was started in; our files are named from ours. */
    ENSURE(here != NULL && chdir(here) == 0);
    free(here);
    return atexit(clean_up);
}

static void on_problem(void *user, enum config_level level, const char *file, unsigned line,
                       const char *text) {
    struct seen *seen = user;
    seen->reported++;
    if (level == CONFIG_ERROR) seen->errors++;
    ENSURE(file[0] != '\0' && text[0] != '\0');
    ENSURE(line > 0 && line < INT_MAX);
}

static void check_phone(const struct config *config, const struct config_phone *phone) {
    const struct policy_phone *policy = phone->policy;
    ENSURE(policy->id.len > 0 && policy->name.len > 0 && policy->profile != NULL);
    ENSURE(policy == &config->policy.phones[policy->index]);
    ENSURE(phone->host.len > 0 && phone->authority.len > 0 && phone->port > 0);
    ENSURE((phone->login.user.len > 0) == (phone->login.password.len > 0));
    ENSURE((phone->admin_login.user.len > 0) == (phone->admin_login.password.len > 0));
    ENSURE(policy->has_admin_login == (phone->admin_login.user.len > 0));
    /* Nothing is unverified by accident. */
    if (phone->tls && phone->verify == PHONE_VERIFY_PIN) ENSURE(phone->pin_count > 0);
    if (phone->tls && phone->verify == PHONE_VERIFY_CA) ENSURE(phone->ca_file.len > 0);
    for (size_t i = 0; i < policy->profile->rule_count; i++) {
        const struct rule *rule = &policy->profile->rules[i];
        ENSURE(rule->name.len > 0 && rule->path_count > 0 && rule->line > 0);
        if (rule->class.len > 0) ENSURE(!rule->allow);
    }
}

static void check(const struct config *config) {
    ENSURE(config->policy.digest.realm.len > 0 && config->policy.digest.algorithm_count > 0);
    ENSURE(config->policy.digest.algorithms[0] == HASH_SHA256);
    ENSURE(config->https.listen_count > 0 && config->limits.connections > 0);
    for (size_t i = 0; i < config->policy.phone_count; i++) check_phone(config, &config->phones[i]);
    for (size_t i = 0; i < config->policy.grant_count; i++)
        ENSURE(config->policy.grants[i].role.len > 0 && config->policy.grants[i].line > 0);
}

static enum config_result load(struct str text, struct seen *seen, struct config **config) {
    char path[128];
    snprintf(path, sizeof(path), "%s/phonegate.cfg", fixture->dir);
    struct loader *l = loader_new();
    *seen = (struct seen){0};
    return loader_finish(l, loader_read_text(l, path, text), on_problem, seen, config);
}

static void write_profile(struct str text) {
    char path[128];
    snprintf(path, sizeof(path), "%s/profiles/model.cfg", fixture->dir);
    fixture_write(path, 0644, text.ptr, text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = {(const char *)data, size};
    const char *mark = size == 0 ? NULL : memmem(data, size, "\n%%\n", 4);
    if (mark != NULL) {
        text.len = (size_t)(mark + 1 - text.ptr);
        write_profile((struct str){mark + 4, size - text.len - 3});
    } else {
        write_profile(str_of(fixture->model));
    }
    struct seen seen, again;
    struct config *config, *second;
    enum config_result result = load(text, &seen, &config);
    ENSURE(result != CONFIG_UNREADABLE);
    ENSURE((config != NULL) == (result == CONFIG_OK));
    ENSURE((seen.errors == 0) == (result == CONFIG_OK));
    if (config != NULL) check(config);
    ENSURE(load(text, &again, &second) == result && again.reported == seen.reported);
    if (config != NULL) ENSURE(str_equal(config->digest_of_file, second->digest_of_file));
    config_release(config);
    config_release(second);
    return 0;
}
