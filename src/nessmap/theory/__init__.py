"""Pure functions of physics on arrays (numpy, scipy): nothing here simulates, stores or draws."""
