/* cmd_control.c: the commands that only ask a running gate: reload, status. */
#include "proxy/cmd/cmd.h"
#include "proxy/cmd/control_ask.h"
#include "proxy/config/config_users.h"

static int ask(int argc, char **argv, const char *verb) {
    const char *file = NULL;
    const struct cmd_option options[] = {{"-c", &file}, {NULL, NULL}};
    size_t words = 0;
    if (!cmd_args(argc, argv, options, NULL, &words)) return CMD_USAGE;
    struct cmd_problems problems = {0};
    struct config_users *settings;
    enum config_result result =
        config_users_load(file == NULL ? CMD_DEFAULT_FILE : file, cmd_report, &problems, &settings);
    if (settings == NULL) return cmd_status_of(result);
    int status = control_ask(argv[0], settings->state_dir, verb, STR_NONE);
    config_users_free(settings);
    return status;
}

int cmd_reload(int argc, char **argv) {
    return ask(argc, argv, "reload");
}

int cmd_status(int argc, char **argv) {
    return ask(argc, argv, "status");
}
