/*
 * The program in every container that is measured. It does nothing, and has nothing to load; with
 * "wait" it does nothing until a signal ends it, with "lines" it writes a million lines of 99
 * bytes, with "tell" one word.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 99, AT_ONCE = 500, TIMES = 2000 };

static int write_lines(void)
{
    static char lines[AT_ONCE * LINE];
    memset(lines, 'x', sizeof(lines));
    for (int i = 0; i < AT_ONCE; i++)
        lines[i * LINE + LINE - 1] = '\n';
    for (int i = 0; i < TIMES; i++)
        for (size_t at = 0; at < sizeof(lines);) {
            ssize_t n = write(1, lines + at, sizeof(lines) - at);
            if (n < 0)
                return 1;
            at += (size_t)n;
        }
    return 0;
}

/* A first process has no default action: engines that ask it to end before they kill would wait. */
static void quit(int number)
{
    (void)number;
    _exit(0);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "lines") == 0)
        return write_lines();
    if (argc > 1 && strcmp(argv[1], "tell") == 0)
        return write(1, "here\n", 5) != 5;
    if (argc > 1) {
        signal(SIGTERM, quit);
        alarm(1800);
        pause();
    }
    return 0;
}
