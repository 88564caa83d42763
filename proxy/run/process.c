#include "proxy/run/process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void process_prepare(void) {
    struct rlimit none = {0, 0};
    struct rlimit files;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    setrlimit(RLIMIT_CORE, &none);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
}
