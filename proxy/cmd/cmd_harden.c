/* phonegate harden: which action, on which phones. */
#include "proxy/cmd/cmd_harden.h"

#include <string.h>

#include "proxy/run/process.h"

#define WORDS_MAX    4096
#define PARALLEL_MAX 256

/* What may stand beside an action, and how many phones are asked at a time if nobody says. */
static const struct action {
    const char *flag;
    bool changes; /* the phones are named, or --all */
    size_t parallel;
} actions[CMD_HARDEN_ACTIONS] = {
    [CMD_HARDEN_PLAN] = {"--plan", false, 32},
    [CMD_HARDEN_PROVISION] = {"--provision", false, 1},
    [CMD_HARDEN_PROVISIONED] = {"--provisioned", true, 32},
    [CMD_HARDEN_APPLY] = {"--apply", true, 4},
    [CMD_HARDEN_ROTATE] = {"--rotate", true, 4},
    [CMD_HARDEN_WUI_OFF] = {"--wui-off", true, 4},
    [CMD_HARDEN_RECOVER] = {"--recover", true, 32},
};

struct words {
    const char *list[WORDS_MAX];
    size_t count;
    bool all;
};

/* Exactly one action; the flags are taken out of argv. */
static bool take_action(int *argc, char **argv, struct cmd_harden *h) {
    const char *directory = NULL;
    size_t given = 0, directories = 1;
    if (!cmd_take_values(argc, argv, actions[CMD_HARDEN_PROVISION].flag, &directory, &directories))
        return false;
    for (size_t i = 0; i < CMD_HARDEN_ACTIONS; i++) {
        bool here = i == CMD_HARDEN_PROVISION ? directories > 0
                                              : cmd_take_flag(argc, argv, actions[i].flag);
        if (!here) continue;
        given++;
        h->action = (enum cmd_harden_action)i;
    }
    h->directory = directory;
    if (given == 1) return true;
    (void)cmd_usage_error(argv[0],
                          "one of --plan, --provision DIR, --provisioned, --apply, --rotate, "
                          "--wui-off and --recover says what to do");
    return false;
}

static bool take_options(int argc, char **argv, struct cmd_harden *h, struct words *words) {
    const char *format = NULL, *parallel = NULL;
    const struct cmd_option options[] = {
        {"-c", &h->file}, {"--format", &format}, {"--parallel", &parallel}, {NULL, NULL}};
    uint64_t number = actions[h->action].parallel;
    words->all = cmd_take_flag(&argc, argv, "--all");
    h->pins = cmd_take_flag(&argc, argv, "--pins");
    h->beyond = cmd_take_flag(&argc, argv, "--beyond");
    words->count = ARRAY_LEN(words->list);
    if (!cmd_args(argc, argv, options, words->list, &words->count)) return false;
    const char *wrong = NULL;
    if (format != NULL && strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
        wrong = "--format is text or json";
    if (parallel != NULL && (!str_to_u64(str_of(parallel), PARALLEL_MAX, &number) || number == 0))
        wrong = "--parallel is a number from 1 to 256";
    if (h->pins && h->action != CMD_HARDEN_ROTATE) wrong = "--pins belongs to --rotate";
    if (h->beyond && h->action != CMD_HARDEN_PLAN && h->action != CMD_HARDEN_APPLY &&
        h->action != CMD_HARDEN_PROVISION)
        wrong = "--beyond belongs to --plan, --apply and --provision";
    if (words->all && words->count > 0) wrong = "--all or names of phones, not both";
    if (!words->all && words->count == 0 && actions[h->action].changes)
        wrong = "which phones? their names, or --all";
    if (wrong != NULL) {
        (void)cmd_usage_error(argv[0], "%s", wrong);
        return false;
    }
    if (format != NULL) h->json = strcmp(format, "json") == 0;
    if (h->file == NULL) h->file = CMD_DEFAULT_FILE;
    h->parallel = (size_t)number;
    return true;
}

/* The phones that are meant, each once. False after a message. */
static bool pick_phones(const char *command, const struct words *words, struct cmd_harden *h,
                        size_t *picked) {
    const struct policy *policy = &h->config->policy;
    bool *wanted = calloc(policy->phone_count + 1, sizeof(*wanted));
    bool good = true;
    ENSURE(wanted != NULL);
    for (size_t w = 0; w < words->count && good; w++) {
        size_t i = 0;
        while (i < policy->phone_count && !str_equal(policy->phones[i].id, str_of(words->list[w])))
            i++;
        good = i < policy->phone_count;
        if (good)
            wanted[i] = true;
        else
            (void)cmd_usage_error(command, "no phone %s in %s", words->list[w], h->file);
    }
    for (size_t i = 0; i < policy->phone_count; i++)
        if (wanted[i] || words->count == 0) picked[h->phone_count++] = i;
    free(wanted);
    h->phones = picked;
    h->all = words->count == 0;
    return good;
}

static int run_action(const struct cmd_harden *h) {
    switch (h->action) {
    case CMD_HARDEN_PLAN:
        return cmd_harden_plan(h);
    case CMD_HARDEN_PROVISION:
        return cmd_harden_provision(h);
    case CMD_HARDEN_PROVISIONED:
        return cmd_harden_provisioned(h);
    case CMD_HARDEN_APPLY:
    case CMD_HARDEN_ROTATE:
    case CMD_HARDEN_WUI_OFF:
    case CMD_HARDEN_RECOVER:
        return cmd_harden_apply(h);
    case CMD_HARDEN_ACTIONS:
        break;
    }
    return CMD_USAGE; /* not reached */
}

int cmd_harden(int argc, char **argv) {
    struct cmd_harden h = {0};
    struct words *words = calloc(1, sizeof(*words));
    struct cmd_problems problems = {.quiet_warnings = true};
    int status = CMD_USAGE;
    ENSURE(words != NULL);
    process_prepare(); /* before a password is read */
    if (take_action(&argc, argv, &h) && take_options(argc, argv, &h, words)) {
        status = cmd_status_of(config_load(h.file, cmd_report, &problems, &h.config));
    }
    if (h.config != NULL) {
        size_t *picked = calloc(h.config->policy.phone_count + 1, sizeof(*picked));
        ENSURE(picked != NULL);
        status = pick_phones(argv[0], words, &h, picked) ? run_action(&h) : CMD_USAGE;
        free(picked);
    }
    config_release(h.config);
    free(words);
    return status;
}
