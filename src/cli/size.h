/*
 * Numbers of bytes for people, as Docker writes them.
 */
#ifndef SKIFF_CLI_SIZE_H
#define SKIFF_CLI_SIZE_H

/* "1.21GB": powers of 1000, three significant digits. Less than nothing is nothing. */
void format_size(long long bytes, char ret[32]);

/* The same with four digits, for numbers that grow while one looks. */
void format_fine_size(long long bytes, char ret[32]);

/* "1.953GiB": powers of 1024, four significant digits. */
void format_binary_size(unsigned long long bytes, char ret[32]);

#endif
