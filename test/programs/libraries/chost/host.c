/* A C program whose Go code is in a library; each line of its input makes one call. */
#include <stdio.h>

int Step(int n);

int main(void) {
  char line[64];
  puts("ready");
  fflush(stdout);
  for (int n = 1; fgets(line, sizeof line, stdin) != NULL; n++) {
    printf("done %d\n", Step(n));
    fflush(stdout);
  }
  return 0;
}
