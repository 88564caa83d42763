/* expect_table.h: one table of what a policy is expected to say, as a network team writes it.
 *
 *   # a comment
 *   user phone method target [KIND:body] [@sender] [from=ADDRESS] [at=TIME] -> verdict [rule]
 *
 * A table may name its own phones and people, and then needs no configuration:
 *
 *   phone ID PROFILE
 *   user NAME [ROLE [exception...]]
 *
 * Their form in full: TABLES in phonegate(8). */
#ifndef PROXY_CMD_EXPECT_TABLE_H
#define PROXY_CMD_EXPECT_TABLE_H

#include "policy/base/arena.h"
#include "proxy/cmd/explain.h"

struct expect_row {
    unsigned line;
    struct str user, verdict;
    struct str rule;    /* .ptr NULL: any; "-": none */
    bool has_long_body; /* of more than may be judged */
    struct explain_request request;
};

struct expect_table {
    const char *path;
    struct arena arena; /* everything below */
    struct expect_row *rows;
    size_t row_count;
    struct str *users; /* that the table names itself */
    size_t user_count;
    unsigned first_own; /* line of the first phone or user of its own; 0: none */
    struct str sample;  /* with `profiles_dir` in front, the configuration that they make: each line
                           of it belongs to the table's line of the same number */
};

/* Called for each line that is none. */
typedef void expect_problem(void *user, const char *path, unsigned line, const char *text);

/* Take `text` (borrowed, and needed as long as the table) apart. False where a line is wrong; each
 * of them is reported. Free with expect_table_free in any case. */
MUST_USE bool expect_table_read(struct expect_table *table, const char *path, struct str text,
                                expect_problem *problem, void *user);
void expect_table_free(struct expect_table *table);

#endif
