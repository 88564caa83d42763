#include "proxy/config/config_part.h"

#include "proxy/config/loader.h"

/* With the memory that its texts stand in. */
struct whole {
    struct config_part part;
    struct snapshot *snapshot;
};

enum config_result config_part_load(const char *path, config_report *report, void *user,
                                    struct config_part **part) {
    static const char *const only[] = {"vault", "access_log", "state_dir", NULL};
    *part = NULL;
    struct loader *l = loader_new();
    enum source_result source = loader_read(l, path);
    if (source == SOURCE_OK) load_settings(l, only);
    problems_tell(&l->problems, report, user);
    if (source == SOURCE_OK && l->problems.errors == 0) {
        const struct config *config = &l->snapshot->config;
        struct whole *whole = malloc(sizeof(*whole));
        ENSURE(whole != NULL);
        *whole = (struct whole){{config->vault, config->access_log.file,
                                 config->access_log.required, config->state_dir},
                                l->snapshot};
        *part = &whole->part;
    } else {
        snapshot_free(l->snapshot);
    }
    loader_free(l);
    if (source == SOURCE_UNREADABLE) return CONFIG_UNREADABLE;
    return *part != NULL ? CONFIG_OK : CONFIG_INVALID;
}

void config_part_free(struct config_part *part) {
    if (part == NULL) return;
    struct whole *whole = container_of(part, struct whole, part);
    snapshot_free(whole->snapshot);
    free(whole);
}
