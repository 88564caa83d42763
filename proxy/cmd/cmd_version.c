#include <libconfig.h>
#include <openssl/crypto.h>
#include <uv.h>

#include "proxy/cmd/cmd.h"

int cmd_version(int argc, char **argv) {
    const struct cmd_option options[] = {{NULL, NULL}};
    size_t words = 0;
    if (!cmd_args(argc, argv, options, NULL, &words)) return CMD_USAGE;
    printf("phonegate %s\n%s, libuv %s, libconfig %d.%d\n", PHONEGATE_VERSION,
           OpenSSL_version(OPENSSL_VERSION), uv_version_string(), LIBCONFIG_VER_MAJOR,
           LIBCONFIG_VER_MINOR);
    return CMD_FINE;
}
