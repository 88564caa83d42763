#include "proxy/cmd/cmd.h"
#include "proxy/cmd/expect.h"
#include "proxy/cmd/precis.h"

#define TABLES_MAX 64

static bool offers(const struct digest_settings *digest, enum hash_alg alg) {
    for (size_t i = 0; i < digest->algorithm_count; i++)
        if (digest->algorithms[i] == alg) return true;
    return false;
}

static void print_summary(const char *file, const struct cmd_problems *problems, bool good) {
    printf("%s: ", file);
    if (good && problems->warnings == 0) printf("ok");
    if (good && problems->warnings > 0) printf("ok, ");
    if (!good) printf("%u error%s", problems->errors, problems->errors == 1 ? "" : "s");
    if (!good && problems->warnings > 0) printf(", ");
    if (problems->warnings > 0)
        printf("%u warning%s", problems->warnings, problems->warnings == 1 ? "" : "s");
    printf("\n");
}

/* Accounts that other programs made in a form that no client sends. */
static void note_spellings(const char *file, const struct users *users) {
    for (size_t i = 0; i < users_count(users); i++) {
        struct str name = users_at(users, i)->name;
        if (precis_is_spelled_right(name)) continue;
        printf("%s: note: user \"", file);
        cmd_print(stdout, name);
        printf("\" is not in the form that clients send (NFC) and may be unable to sign in\n");
    }
}

/* The service may have more than the shell that asks. */
static void note_descriptors(const char *file, const struct config *config) {
    size_t limit = config_descriptors(true);
    if (config->limits.connections <= limit) return;
    printf("%s: note: the %zu files that may be open here are enough for %zu of %zu "
           "\"connections\" (ulimit -Hn, LimitNOFILE=)\n",
           file, limit, config_connections_room(config, limit), config->limits.connections);
}

/* The configuration that an operator names, or the usual one; *status is CMD_FINE where it is good.
 */
static struct config *check_config(const char *file, int *status) {
    struct cmd_problems problems = {0};
    struct config *config;
    enum config_result result = config_load(file, cmd_report, &problems, &config);
    *status = cmd_status_of(result);
    if (result == CONFIG_UNREADABLE) return NULL;
    if (config != NULL && !offers(&config->policy.digest, HASH_MD5))
        printf("%s: note: MD5 is not offered: Safari and some older clients cannot sign in\n",
               file);
    if (config != NULL) note_descriptors(file, config);
    if (config != NULL) note_spellings(file, config->policy.users);
    print_summary(file, &problems, result == CONFIG_OK);
    return config;
}

static int check_tables(const struct expect_job *job, const char *const *tables, size_t count) {
    struct expect_result result = {0};
    for (size_t i = 0; i < count; i++) expect_run(job, tables[i], &result);
    printf("%zu row%s hold%s, %zu %s not%s\n", result.held, result.held == 1 ? "" : "s",
           result.held == 1 ? "s" : "", result.failed, result.failed == 1 ? "does" : "do",
           result.broken ? ", others could not be judged" : "");
    if (result.broken) return CMD_USAGE;
    return result.failed == 0 ? CMD_FINE : CMD_NO;
}

/* Tables that name their own phones are judged without a configuration. */
static bool needs_config(const char *file, const char *const *tables, size_t count) {
    if (file != NULL || count == 0) return true;
    for (size_t i = 0; i < count; i++)
        if (!expect_is_self_contained(tables[i])) return true;
    return false;
}

int cmd_check(int argc, char **argv) {
    const char *file = NULL, *profiles = NULL, *tables[TABLES_MAX];
    const struct cmd_option options[] = {{"-c", &file}, {"--profiles", &profiles}, {NULL, NULL}};
    size_t words = 0, count = ARRAY_LEN(tables);
    if (!cmd_take_values(&argc, argv, "--expect", tables, &count)) return CMD_USAGE;
    if (!cmd_args(argc, argv, options, NULL, &words)) return CMD_USAGE;
    if (profiles != NULL && count == 0)
        return cmd_usage_error(argv[0], "--profiles goes with --expect");
    struct config *config = NULL;
    int status = CMD_FINE;
    if (needs_config(file, tables, count))
        config = check_config(file != NULL ? file : CMD_DEFAULT_FILE, &status);
    if (status == CMD_FINE && count > 0) {
        const struct expect_job job = {.config = config, .profiles_dir = profiles};
        status = check_tables(&job, tables, count);
    }
    config_release(config);
    return status;
}
