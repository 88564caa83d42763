#include "proxy/cmd/cmd.h"
#include "proxy/cmd/precis.h"

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

int cmd_check(int argc, char **argv) {
    const char *file = NULL;
    const struct cmd_option options[] = {{"-c", &file}, {NULL, NULL}};
    size_t words = 0;
    if (!cmd_args(argc, argv, options, NULL, &words)) return CMD_USAGE;
    if (file == NULL) file = CMD_DEFAULT_FILE;
    struct cmd_problems problems = {0};
    struct config *config;
    enum config_result result = config_load(file, cmd_report, &problems, &config);
    if (result == CONFIG_UNREADABLE) return CMD_USAGE;
    if (config != NULL && !offers(&config->policy.digest, HASH_MD5))
        printf("%s: note: MD5 is not offered: Safari and some older clients cannot sign in\n",
               file);
    if (config != NULL) note_spellings(file, config->policy.users);
    print_summary(file, &problems, result == CONFIG_OK);
    config_release(config);
    return cmd_status_of(result);
}
