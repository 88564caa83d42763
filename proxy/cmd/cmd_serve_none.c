#include "proxy/cmd/cmd.h"

/* Stands in until cmd_serve.c is there. */
int cmd_serve(int argc, char **argv) {
    (void)argc;
    return cmd_usage_error(argv[0], "not available in this version");
}
