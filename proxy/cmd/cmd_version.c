#include <libconfig.h>
#include <openssl/crypto.h>
#include <uv.h>

#include "proxy/cmd/cmd.h"

int cmd_version(int argc, char **argv) {
    size_t words;
    if (!cmd_args(argc, argv, NULL, 0, NULL, 0, &words)) return CMD_USAGE;
    printf("phonegate %s\n%s, libuv %s, libconfig %d.%d\n", PHONEGATE_VERSION,
           OpenSSL_version(OPENSSL_VERSION), uv_version_string(), LIBCONFIG_VER_MAJOR,
           LIBCONFIG_VER_MINOR);
    return CMD_FINE;
}
