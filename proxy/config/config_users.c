#include "proxy/config/config_users.h"

#include "proxy/config/loader.h"

/* With the memory that its texts stand in. */
struct users_part {
    struct config_users users;
    struct snapshot *snapshot;
};

static struct config_users *take(struct loader *l) {
    struct users_part *part = malloc(sizeof(*part));
    ENSURE(part != NULL);
    *part = (struct users_part){
        .users = {.users_file = l->snapshot->draft.users_file,
                  .users_dir = l->snapshot->draft.users_dir,
                  .state_dir = l->snapshot->config.state_dir,
                  .digest = l->snapshot->config.policy.digest,
                  .hosts = l->snapshot->draft.hosts,
                  .host_count = l->snapshot->draft.host_count,
                  .limits = l->snapshot->draft.limits,
                  .limit_count = l->snapshot->draft.limit_count},
        .snapshot = l->snapshot,
    };
    return &part->users;
}

enum config_result config_users_load(const char *path, config_report *report, void *user,
                                     struct config_users **users) {
    static const char *const only[] = {"realm",  "host",  "users_file", "users_dir",
                                       "digest", "users", "state_dir",  NULL};
    *users = NULL;
    struct loader *l = loader_new();
    enum source_result source = loader_read(l, path);
    if (source == SOURCE_OK) {
        load_settings(l, only);
        load_limits(l);
    }
    problems_tell(&l->problems, report, user);
    if (source == SOURCE_OK && l->problems.errors == 0)
        *users = take(l);
    else
        snapshot_free(l->snapshot);
    loader_free(l);
    if (source == SOURCE_UNREADABLE) return CONFIG_UNREADABLE;
    return *users != NULL ? CONFIG_OK : CONFIG_INVALID;
}

void config_users_free(struct config_users *users) {
    if (users == NULL) return;
    struct users_part *part = container_of(users, struct users_part, users);
    snapshot_free(part->snapshot);
    free(part);
}
