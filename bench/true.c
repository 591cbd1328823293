/*
 * The program in every container that is measured. It does nothing, and has nothing to load; with
 * an argument it does nothing until a signal ends it.
 */
#include <unistd.h>

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        alarm(60);
        pause();
    }
    return 0;
}
