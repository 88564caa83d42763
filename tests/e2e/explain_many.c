/* explain_many: `phonegate explain` for thousands of questions without a process each.
 *
 * Reads a line of words separated by TAB per question and runs the very function of the command on
 * them; a line with a single dot follows each answer. Every answer reads the configuration anew,
 * as the command does. */
#include <stdio.h>
#include <string.h>

#include "proxy/cmd/cmd.h"

#define WORDS_MAX 32

int main(void) {
    char line[32768];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char name[] = "explain";
        char *words[WORDS_MAX + 1] = {name};
        int count = 1;
        line[strcspn(line, "\n")] = '\0';
        for (char *at = line; at != NULL && count < WORDS_MAX; count++) {
            words[count] = at;
            at = strchr(at, '\t');
            if (at != NULL) *at++ = '\0';
        }
        (void)cmd_explain(count, words);
        puts(".");
        (void)fflush(stdout);
    }
    return 0;
}
