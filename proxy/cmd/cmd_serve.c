#include "proxy/cmd/cmd.h"
#include "proxy/run/server.h"

int cmd_serve(int argc, char **argv) {
    const char *file = NULL;
    const struct cmd_option options[] = {{"-c", &file}, {NULL, NULL}};
    size_t words = 0;
    if (!cmd_args(argc, argv, options, NULL, &words)) return CMD_USAGE;
    if (file == NULL) file = CMD_DEFAULT_FILE;
    struct cmd_problems problems = {0};
    struct config *config;
    enum config_result result = config_load(file, cmd_report, &problems, &config);
    if (result != CONFIG_OK) return cmd_status_of(result);
    return server_run(config, file, cmd_report, &problems) == 0 ? CMD_FINE : CMD_NO;
}
