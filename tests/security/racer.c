/*
 * racer FOLDER A B [TARGET]: exchanges the two names in FOLDER, over and over, until it is told to
 * end.
 *
 * A is a folder (or a file) and B a link, or the other way round: whoever looks at a name twice
 * sees two different things. With TARGET a name that somebody has taken away comes back as a link
 * to it. Prints the number of exchanges when SIGTERM ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

static volatile sig_atomic_t over;

static void end(int signal)
{
    over = signal;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int folder = argc == 4 || argc == 5 ? open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder < 0) {
        perror("racer");
        return 2;
    }
    unsigned long n = 0;
    while (!over) {
        if (renameat2(folder, argv[2], folder, argv[3], RENAME_EXCHANGE) < 0) {
            if (errno == ENOENT && argc == 5) {
                symlinkat(argv[4], folder, argv[2]);
                symlinkat(argv[4], folder, argv[3]);
                continue;
            }
            perror("racer: renameat2");
            return 1;
        }
        n++;
    }
    printf("%lu\n", n);
    return 0;
}
